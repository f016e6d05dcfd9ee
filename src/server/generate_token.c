/* generate_token: signs with the secret a server of the same options uses: the configured one, or the one it keeps in its data
 * folder. Where it has made none yet there is none to share, so it refuses instead of printing a token nobody accepts. */
#include "server/generate_token.h"

#include <stdlib.h>
#include <string.h>

#include "auth/scope.h"
#include "auth/token.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "store/data_dir.h"

static char *copy(const char *text)
{
    return text ? mem_copy(text, strlen(text)) : NULL;
}

static bool add_scopes(const struct config_token_request *r, struct scope *scope)
{
    for (size_t i = 0; i < r->scopes.n_items; i++) {
        char *workspace = copy(r->scopes.items[i]), *mark = strrchr(workspace, '#');
        enum permission p = PERMISSION_NONE;
        *mark = '\0';
        bool ok = permission_from_letter(slice_of(mark + 1), &p) || permission_from_name(slice_of(mark + 1), &p);
        if (ok)
            scope_grant(scope, workspace, p);
        mem_free(workspace);
        if (!ok)
            return false;
    }
    return true;
}

/* Owned by the caller; NULL: why not is said. The server may be running, so its folder is only looked at. */
static char *find_secret(const struct config *c, FILE *err)
{
    char error[DATA_DIR_ERROR_MAX] = "there is no data folder", *secret = NULL;

    if (c->jwt_secret)
        return copy(c->jwt_secret);
    if (c->data_dir && strcmp(c->data_dir, ":memory:") != 0)
        secret = data_dir_peek(c->data_dir, DATA_DIR_SECRET, error);
    if (!secret)
        fprintf(err,
                "hyphad: generate-token: no signing secret: %s (give --data-dir of a server that has run, or its secret by "
                "HYPHA_JWT_SECRET or --jwt-secret-file)\n",
                error);
    return secret;
}

int generate_token(const struct config *config, FILE *out, FILE *err)
{
    const struct config_token_request *r = &config->token_request;
    char name[RANDOM_NAME_MAX], personal[USER_WORKSPACE_MAX];
    static char anonymous_role[] = "anonymous";
    char *anonymous[] = {anonymous_role};
    struct user user = {.n_refs = 1};
    struct scope scope = {0};
    enum permission p = PERMISSION_READ_WRITE;

    char *secret = find_secret(config, err);
    if (!secret)
        return CONFIG_EXIT_WRONG;
    random_name(name);
    user.id = copy(r->user_id ? r->user_id : name);
    user.email = copy(r->email);
    user.roles = r->roles.n_items ? r->roles.items : anonymous;
    user.n_roles = r->roles.n_items ? (uint32_t)r->roles.n_items : 1;
    user_personal_workspace(&user, personal);
    const char *workspace = r->workspace ? r->workspace : personal;
    (void)permission_from_name(slice_of(r->permission ? r->permission : "read_write"), &p);
    scope_grant(&scope, workspace, p);
    scope.current_workspace = copy(workspace);
    scope.client_id = copy(r->client_id);
    struct token_keys keys = {.secret = slice_of(secret), .issuer = config->auth0_issuer, .audience = config->auth0_audience,
                              .name_space = config->auth0_namespace};
    bool ok = add_scopes(r, &scope);
    char *token = ok ? token_mint(&keys, &user, &scope, (int64_t)(r->expires_in_ms / 1000)) : NULL;
    if (token)
        fprintf(out, "Generated token for user '%s':\n  workspace: %s\n  permission: %s\n  expires in: %llu s\n  signed by: the secret of %s\n"
                     "Token:\n%s\n", user.id, workspace, r->permission ? r->permission : "read_write",
                (unsigned long long)(r->expires_in_ms / 1000), config->jwt_secret ? "the configuration" : config->data_dir, token);
    else
        fprintf(err, "hyphad: generate-token: a scope must be WORKSPACE#r, #rw or #a\n");
    mem_free(token);
    explicit_bzero(secret, strlen(secret));
    mem_free(secret);
    mem_free(user.id);
    mem_free(user.email);
    scope_deinit(&scope);
    return token ? 0 : CONFIG_EXIT_WRONG;
}
