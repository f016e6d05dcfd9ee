/* mint: a child token is a new identity that points back to the person behind it. It inherits who
 * that is (e-mail, roles), not what that person may do: its scope is exactly one workspace with one
 * permission, and role admin does not travel unless the whole of it was asked for (D-03). */
#include "auth/mint.h"

#include <stdio.h>

#include "auth/mint_config.h"
#include "auth/scope.h"
#include "auth/user_make.h"
#include "base/memory.h"
#include "base/random.h"

/* A child of the owner may pass on what it has; it cannot lift itself. */
enum mint_verdict mint_decide(const struct user *caller, enum permission held,
                              enum permission wanted, bool is_owner)
{
    if (held == PERMISSION_ADMIN)
        return MINT_BY_GRANT;
    if (is_owner && !caller->parent)
        return MINT_BY_OWNING;
    if (is_owner && held >= wanted)
        return MINT_PASSING_ON;
    return held == PERMISSION_NONE ? MINT_NOTHING_HELD : MINT_TOO_LITTLE_HELD;
}

static int mint_check_permission(const struct user *caller, const struct mint_config *c, bool owns,
                                 struct mint_error *ret_error)
{
    switch (
        mint_decide(caller, user_permission(caller, slice_of(c->workspace)), c->permission, owns)) {
    case MINT_NOTHING_HELD:
        return mint_refuse(ret_error, "PermissionError",
                           "You do not have any permission for workspace: %s", c->workspace);
    case MINT_TOO_LITTLE_HELD:
        return mint_refuse(ret_error, "PermissionError", "Only admin can generate token.");
    default:
        return MINT_OK;
    }
}

static bool may_inherit(const struct mint_config *c, const char *role)
{
    return strcmp(role, "admin") != 0 ||
           (c->permission == PERMISSION_ADMIN && strcmp(c->workspace, "*") == 0);
}

static struct user *new_child(const struct user *caller, const struct mint_config *c)
{
    const char *parent = user_effective_id(caller), *email = c->email ? c->email : caller->email;
    char id[RANDOM_NAME_MAX];

    random_name(id);
    struct user *child = user_new(slice_of(id));
    for (size_t i = 0; i < caller->n_roles; i++) {
        if (may_inherit(c, caller->roles[i]))
            user_add_role(child, slice_of(caller->roles[i]));
    }
    child->parent = mem_copy(parent, strlen(parent));
    child->email = email ? mem_copy(email, strlen(email)) : NULL;
    scope_copy(&c->extras, &child->scope);
    scope_grant(&child->scope, c->workspace, c->permission);
    child->scope.current_workspace = mem_copy(c->workspace, strlen(c->workspace));
    child->scope.client_id = c->client_id ? mem_copy(c->client_id, strlen(c->client_id)) : NULL;
    return child;
}

static int bind_client(const struct user *caller, struct mint_config *c,
                       struct mint_error *ret_error)
{
    const char *bound = caller->lineage.client_id;

    if (!bound || (c->client_id && strcmp(c->client_id, bound) == 0))
        return MINT_OK;
    if (c->client_id)
        return mint_refuse(
            ret_error, "PermissionError",
            "This token is restricted to client with client_id='%.200s', and so are those it makes",
            bound);
    c->client_id = mem_copy(bound, strlen(bound));
    return MINT_OK;
}

int mint_config_cut(const struct token_keys *keys, const struct user *caller, struct mint_config *c,
                    struct mint_error *ret_error)
{
    const struct lineage *l = &caller->lineage;

    if (!l->is_known)
        return mint_refuse(ret_error, "ConnectionError", "The caller has left");
    if (l->n >= LINEAGE_MAX)
        return mint_refuse(ret_error, "PermissionError", "A line of tokens has at most %d",
                           LINEAGE_MAX);
    c->life_s = token_life(keys, caller, TOKEN_CHILD, c->life_s);
    if (c->life_s <= 0)
        return mint_refuse(ret_error, "PermissionError",
                           "The token of the caller has expired: it makes no other");
    return bind_client(caller, c, ret_error);
}

int64_t mint_latest(const struct token *t)
{
    int64_t until = t->user->lineage.until;

    if (t->user->parent)
        return until > t->expires_at ? until : t->expires_at;
    return t->expires_at + (t->user->is_anonymous ? TOKEN_ANONYMOUS_LIFE_MAX_S : MINT_LIFE_MAX_S);
}

int mint_child(const struct token_keys *keys, const struct user *caller,
               const struct mint_config *c, bool owns, char **ret_token,
               struct mint_error *ret_error)
{
    int r = mint_check_permission(caller, c, owns, ret_error);

    if (r)
        return r;
    if (c->email && !user_has_role(caller, "admin"))
        return mint_refuse(ret_error, "PermissionError",
                           "Only callers with the 'admin' role may set TokenConfig.email");
    struct user *child = new_child(caller, c);
    *ret_token = token_mint_from(keys, caller, child, &child->scope, c->life_s);
    user_unref(child);
    return *ret_token ? MINT_OK
                      : mint_refuse(ret_error, "RuntimeError", "The token could not be made");
}
