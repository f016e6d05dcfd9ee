/* generate_token: signs with the secret a server of the same options uses: the configured one, or
 * the one it keeps in its data folder. Where it has made none yet there is none to share, so it
 * refuses instead of printing a token that no server accepts. */
#include "server/generate_token.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/scope.h"
#include "auth/token.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "server/holder.h"
#include "store/data_dir.h"

/* The StateDirectory of deploy/hyphad.service, and the folder of its container. */
#define PACKAGE_DATA_DIR "/var/lib/hyphad"

static char *generate_token_copy(const char *text)
{
    return text ? mem_copy(text, strlen(text)) : NULL;
}

static bool add_scopes(const struct config_token_request *r, struct scope *scope)
{
    for (size_t i = 0; i < r->scopes.n_items; i++) {
        char *workspace = generate_token_copy(r->scopes.items[i]), *mark = strrchr(workspace, '#');
        enum permission p = PERMISSION_NONE;
        *mark = '\0';
        bool ok = permission_from_letter(slice_of(mark + 1), &p) ||
                  permission_from_name(slice_of(mark + 1), &p);
        if (ok)
            scope_grant(scope, workspace, p);
        mem_free(workspace);
        if (!ok)
            return false;
    }
    return true;
}

/* Where a server of these options keeps its secret, in `path`: its own folder, or else that of the
 * server that listens on the port now, or else the first of the usual places that has a secret. The
 * server may be running, so a folder is only looked at. */
static char *secret_of_folder(const struct config *c, char path[PATH_MAX],
                              char error[DATA_DIR_ERROR_MAX])
{
    const char *const usual[] = {c->data_dir, PACKAGE_DATA_DIR};

    if (!c->has_own_data_dir && holder_folder_of_port((uint16_t)c->port, path))
        return data_dir_peek(path, DATA_DIR_SECRET, error);
    for (size_t i = 0; i < (c->has_own_data_dir ? 1 : ARRAY_LEN(usual)); i++) {
        char later[DATA_DIR_ERROR_MAX], *secret;
        if (!usual[i] || strcmp(usual[i], ":memory:") == 0)
            continue;
        secret = data_dir_peek(usual[i], DATA_DIR_SECRET, i == 0 ? error : later);
        (void)snprintf(path, PATH_MAX, "%s", usual[i]);
        if (secret)
            return secret;
    }
    return NULL;
}

/* Owned by the caller; NULL: the reason is said. `from` is where it was found, as people read
 * it. */
static char *find_secret(const struct config *c, char from[PATH_MAX], FILE *err)
{
    char error[DATA_DIR_ERROR_MAX] = "", *secret;

    (void)snprintf(from, PATH_MAX, "the configuration");
    if (c->jwt_secret)
        return generate_token_copy(c->jwt_secret);
    secret = secret_of_folder(c, from, error);
    if (!secret)
        fprintf(err,
                "hyphad: generate-token: no signing secret: %s (give --data-dir of a server that "
                "has run, or its secret by "
                "HYPHA_JWT_SECRET or --jwt-secret-file)\n",
                error[0] ? error : "there is no data folder");
    return secret;
}

/* What the token is good for. */
static void generate_token_tell(const struct config_token_request *r, const struct user *user,
                                const char *workspace, const char *from, FILE *err)
{
    fprintf(err, "hyphad: token for user %s with role", user->id);
    for (uint32_t i = 0; i < user->n_roles; i++)
        fprintf(err, "%s %s", i ? "," : "", user->roles[i]);
    fprintf(err, "%s: %s in workspace %s", r->roles.n_items ? "" : " (see --role)",
            r->permission ? r->permission : "read_write", workspace);
    for (size_t i = 0; i < r->scopes.n_items; i++)
        fprintf(err, ", %s", r->scopes.items[i]);
    fprintf(err, ", for %llu s, signed with the secret of %s\n",
            (unsigned long long)(r->expires_in_ms / 1000), from);
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

    char from[PATH_MAX], *secret = find_secret(config, from, err);
    if (!secret)
        return CONFIG_EXIT_WRONG;
    random_name(name);
    user.id = generate_token_copy(r->user_id ? r->user_id : name);
    user.email = generate_token_copy(r->email);
    user.roles = r->roles.n_items ? r->roles.items : anonymous;
    user.n_roles = r->roles.n_items ? (uint32_t)r->roles.n_items : 1;
    user_personal_workspace(&user, personal);
    const char *workspace = r->workspace ? r->workspace : personal;
    (void)permission_from_name(slice_of(r->permission ? r->permission : "read_write"), &p);
    scope_grant(&scope, workspace, p);
    scope.current_workspace = generate_token_copy(workspace);
    scope.client_id = generate_token_copy(r->client_id);
    struct token_keys keys = {.secret = slice_of(secret),
                              .issuer = config->auth0_issuer,
                              .audience = config->auth0_audience,
                              .name_space = config->auth0_namespace};
    bool ok = add_scopes(r, &scope);
    char *token = ok ? token_mint(&keys, &user, &scope, (int64_t)(r->expires_in_ms / 1000)) : NULL;
    if (token) {
        fprintf(out, "%s\n", token);
        generate_token_tell(r, &user, workspace, from, err);
    } else {
        fprintf(err, "hyphad: generate-token: a scope must be WORKSPACE#r, #rw or #a\n");
    }
    mem_free(token);
    explicit_bzero(secret, strlen(secret));
    mem_free(secret);
    mem_free(user.id);
    mem_free(user.email);
    scope_deinit(&scope);
    return token ? 0 : CONFIG_EXIT_WRONG;
}
