/* login_token: what is made of a reported token when it shall be good for one workspace. The new
 * token is of the same person, so it is no child: it must not be able to do anything the one
 * presented cannot, now or later (D-10). Hub loop. */
#include <string.h>

#include "auth/scope.h"
#include "base/memory.h"
#include "login/login_internal.h"
#include "login/login_token.h"
#include "peer/access.h"
#include "peer/hub.h"
#include "peer/workspace_lifecycle.h"

static bool refuse_workspace(struct slice workspace, struct refusal *r)
{
    return refuse(r, "Exception", "Invalid permission for the workspace " SLICE_FMT,
                  SLICE_ARG(workspace));
}

static bool may_be_scoped(const struct token *t, struct slice workspace, struct refusal *r)
{
    if (user_is_specialized(t->user) || t->has_client_id)
        return refuse(r, "Exception", "A token for one purpose or one client cannot log in");
    if (t->user->lineage.n >= LINEAGE_MAX)
        return refuse(r, "Exception", "A line of tokens has at most %d", LINEAGE_MAX);
    if (t->has_workspace && !slice_is(workspace, t->user->current_workspace))
        return refuse_workspace(workspace, r);
    return true;
}

/* What the new token says; NONE: nothing at all. */
static enum permission permission_on(const struct hub *h, const struct user *u,
                                     struct slice workspace)
{
    const struct workspace *w = workspace_find(&h->registry, workspace);

    /* Ownership is for primary identities: workspace_owned_by() knows. */
    if (w && workspace_owned_by(w, u))
        return PERMISSION_ADMIN;
    const struct grant *g = access_grant_on(u, workspace, w);
    return g ? g->permission : PERMISSION_NONE;
}

/* One that is not there yet is made for who comes with the token, and paid for by them: who reports
 * a login comes from somewhere else. */
static bool is_there_or_made(struct hub *h, const struct user *u, struct slice workspace,
                             struct refusal *r)
{
    struct workspace *w;
    char text[WORKSPACE_OPEN_ERROR_MAX];
    int outcome = workspace_resolve(h, workspace, u, &w);

    if (outcome == WORKSPACE_OPENED)
        return true;
    workspace_open_error(outcome, workspace, text);
    return refuse(r, "KeyError", "%s", text);
}

bool login_mint(struct login *l, const struct token *presented, struct slice workspace,
                int64_t *life_s, char **ret_token, struct refusal *r)
{
    const struct user *u = presented->user;
    enum permission permission;
    struct scope scope = {0};

    if (!may_be_scoped(presented, workspace, r))
        return false;
    permission = permission_on(l->hub, u, workspace);
    if (permission == PERMISSION_NONE)
        return refuse_workspace(workspace, r);
    if (!is_there_or_made(l->hub, u, workspace, r))
        return false;
    *life_s = token_life(l->hub->keys, u, TOKEN_CHILD, *life_s);
    if (*life_s <= 0)
        return refuse(r, "ValueError", "The token expires too soon");
    scope_grant_slice(&scope, workspace, permission);
    scope.current_workspace = mem_copy(workspace.ptr, workspace.len);
    *ret_token = token_mint_from(l->hub->keys, u, u, &scope, *life_s);
    scope_deinit(&scope);
    return *ret_token || refuse(r, "RuntimeError", "The token could not be made");
}
