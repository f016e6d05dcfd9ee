/* caller_access: the decisions of peer/access.h about a call, and the words in which the manager
 * says no. What may be done is decided there; here the question is put together from the call, and
 * a denial becomes the text of the specification with the shown rule behind it: "... [rule:
 * no-grant]". Hub loop. */
#pragma once
#include <stdbool.h>

#include "auth/user.h"
#include "base/slice.h"
#include "manager/reply.h"
#include "peer/access.h"

struct hub;
struct rpc_call;
struct service;
struct workspace;

/* The caller, where it acts, and what it wants; the target and what is asked about are the
 * asker's to add. Borrows from the call. */
struct access_question access_question_of(const struct rpc_call *call, enum access_operation o);
/* True: allowed. Else "Permission denied for workspace W", W being the one that decided. */
bool access_settle(const struct access_decision *d, struct refusal *ret_refusal);
/* Adds the shown rule to a refusal that has other words. Returns false, for `return
 * access_note(...)`. */
bool access_note(const struct access_decision *d, struct refusal *r);

/* An operation on the caller's own context workspace. */
bool access_allows(const struct rpc_call *call, enum access_operation o,
                   struct refusal *ret_refusal);
/* The target workspace (empty id: the context) when it exists ("Workspace not found: W") and the
 * caller may do that there. That an id is taken is no secret: who connects or creates is told
 * too. NULL on refusal. */
struct workspace *access_target(struct hub *h, const struct rpc_call *call, struct slice id,
                                enum access_operation o, struct refusal *ret_refusal);
/* Whether a workspace is shown to the caller: it may read or owns it. */
bool access_knows_of(const struct rpc_call *call, const struct workspace *w);

/* The same for services of the server that have no operation of their own: a level on the
 * context. */
bool access_context(const struct rpc_call *call, enum permission level,
                    struct refusal *ret_refusal);
/* A grant of that level on any workspace; whether it exists is not asked. */
bool access_grant(const struct rpc_call *call, struct slice workspace, enum permission level,
                  struct refusal *ret_refusal);

enum access_purpose {
    ACCESS_USE,           /* get or call by id: unlisted ones too */
    ACCESS_LIST,          /* a listing */
    ACCESS_LIST_UNLISTED, /* a listing that was asked to include unlisted services */
};
enum access_service {
    SERVICE_HIDDEN,
    SERVICE_SHOWN,      /* to an outsider: public or unlisted */
    SERVICE_AUTHORIZED, /* to an outsider whose workspace is on its list (S-04) */
    SERVICE_MEMBER,     /* read permission on its workspace */
};
enum access_service access_service(const struct user *user, struct slice context,
                                   const struct service *s, enum access_purpose purpose);
/* Why a service that exists is not given: reveals nothing else about it. */
bool access_refuse_service(const struct rpc_call *call, struct slice workspace,
                           struct refusal *ret_refusal);
/* Whether the caller may change what another client of its context registered (D-19). */
bool access_is_admin(const struct rpc_call *call, const struct workspace *w);
bool access_is_root(const struct rpc_call *call);
