/* caller_access: grants come from the user map the router stamped on the call, never from what a
 * caller says. Ownership counts only where it is named: it does not open the services of another
 * workspace (S-22). */
#include "manager/caller_access.h"

#include <stdio.h>
#include <string.h>

#include "peer/hub.h"
#include "registry/registry.h"
#include "rpc/rpc.h"

struct access_question access_question_of(const struct rpc_call *call, enum access_operation o)
{
    return (struct access_question){.user = call->user,
                                    .operation = o,
                                    .context = call->workspace,
                                    .client = call->from.client};
}

bool access_note(const struct access_decision *d, struct refusal *r)
{
    access_rule_note(d->rule, r->text, sizeof(r->text));
    return false;
}

bool access_settle(const struct access_decision *d, struct refusal *ret_refusal)
{
    if (d->is_allowed)
        return true;
    if (d->rule == RULE_NO_WORKSPACE)
        return refuse(ret_refusal, "KeyError", "Workspace not found: " SLICE_FMT,
                      SLICE_ARG(d->workspace));
    (void)refuse(ret_refusal, "PermissionError", "Permission denied for workspace " SLICE_FMT,
                 SLICE_ARG(d->workspace));
    return access_note(d, ret_refusal);
}

static bool caller_access_settle(const struct access_question *q, struct refusal *ret_refusal)
{
    struct access_decision d = access_decide(q);

    return access_settle(&d, ret_refusal);
}

bool access_allows(const struct rpc_call *call, enum access_operation o,
                   struct refusal *ret_refusal)
{
    struct access_question q = access_question_of(call, o);

    return caller_access_settle(&q, ret_refusal);
}

struct workspace *access_target(struct hub *h, const struct rpc_call *call, struct slice id,
                                enum access_operation o, struct refusal *ret_refusal)
{
    struct access_question q = access_question_of(call, o);
    struct workspace *w;

    q.target = id.len ? id : call->workspace;
    q.workspace = w = workspace_find(&h->registry, q.target);
    /* What is done to the context takes a context that is there. */
    if (!w && access_operation_is_inside(o)) {
        refuse(ret_refusal, "KeyError", "Workspace not found: " SLICE_FMT, SLICE_ARG(q.target));
        return NULL;
    }
    return caller_access_settle(&q, ret_refusal) ? w : NULL;
}

bool access_knows_of(const struct rpc_call *call, const struct workspace *w)
{
    struct access_question q = access_question_of(call, OPERATION_BOOKMARK);

    q.target = slice_of(w->id);
    q.workspace = w;
    return access_decide(&q).is_allowed;
}

bool access_context(const struct rpc_call *call, enum permission level, struct refusal *ret_refusal)
{
    return access_grant(call, call->workspace, level, ret_refusal);
}

bool access_grant(const struct rpc_call *call, struct slice workspace, enum permission level,
                  struct refusal *ret_refusal)
{
    enum access_operation o = level >= PERMISSION_ADMIN        ? OPERATION_ADMIN
                              : level == PERMISSION_READ_WRITE ? OPERATION_READ_WRITE
                                                               : OPERATION_READ;
    struct access_question q = access_question_of(call, o);

    q.context = workspace;
    return caller_access_settle(&q, ret_refusal);
}

enum access_service access_service(const struct user *user, struct slice context,
                                   const struct service *s, enum access_purpose purpose)
{
    static const enum access_operation operations[] = {[ACCESS_USE] = OPERATION_GET_SERVICE,
                                                       [ACCESS_LIST] = OPERATION_LIST_SERVICES,
                                                       [ACCESS_LIST_UNLISTED] =
                                                           OPERATION_LIST_UNLISTED};
    struct access_decision d = access_decide(&(struct access_question){
        .user = user, .operation = operations[purpose], .context = context, .service = s});

    if (!d.is_allowed)
        return SERVICE_HIDDEN;
    if (d.rule == RULE_AUTHORIZED)
        return SERVICE_AUTHORIZED;
    return d.rule == RULE_PUBLIC_SERVICE || d.rule == RULE_UNLISTED_SERVICE ? SERVICE_SHOWN
                                                                            : SERVICE_MEMBER;
}

bool access_refuse_service(const struct rpc_call *call, struct slice workspace,
                           struct refusal *ret_refusal)
{
    struct access_decision d = access_denial(RULE_PROTECTED, workspace);

    if (!access_context(call, PERMISSION_READ, ret_refusal))
        return false;
    (void)refuse(ret_refusal, "PermissionError",
                 "Permission denied for non-public service in workspace " SLICE_FMT,
                 SLICE_ARG(workspace));
    return access_note(&d, ret_refusal);
}

bool access_is_admin(const struct rpc_call *call, const struct workspace *w)
{
    const struct grant *g = access_grant_on(call->user, slice_of(w->id), w);

    return g && g->permission == PERMISSION_ADMIN;
}

bool access_is_root(const struct rpc_call *call)
{
    return strcmp(call->user->id, "root") == 0;
}
