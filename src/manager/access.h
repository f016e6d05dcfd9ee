/* access: the one place where the manager decides who may do what. Two questions: what may this
 * caller do in that workspace, and may it see this service. Pure readings of the registry;
 * nobody else in this room looks at grants. Hub loop. (workspaces-and-auth 2.6, 4.4, 5.2, 6.3) */
#pragma once
#include <stdbool.h>

#include "auth/user.h"
#include "base/slice.h"
#include "manager/reply.h"

struct hub;
struct rpc_call;
struct service;
struct workspace;

/* The caller's grant on its own context workspace is at least `level`; else "Permission denied
 * for workspace W". */
bool access_context(const struct rpc_call *call, enum permission level,
                    struct refusal *ret_refusal);
/* The same for any workspace; whether it exists is not asked. */
bool access_grant(const struct rpc_call *call, struct slice workspace, enum permission level,
                  struct refusal *ret_refusal);

enum access_by { ACCESS_BY_GRANT, ACCESS_BY_GRANT_OR_OWNERSHIP };
/* The target workspace (empty id: the context) when it exists ("Workspace not found: W") and the
 * caller may act there. That an id is taken is no secret: who connects or creates is told too.
 * NULL on refusal. */
struct workspace *access_workspace(struct hub *h, const struct rpc_call *call, struct slice id,
                                   enum permission level, enum access_by by,
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
bool access_is_admin(const struct rpc_call *call, struct slice workspace);
bool access_is_root(const struct rpc_call *call);
