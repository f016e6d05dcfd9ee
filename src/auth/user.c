/* user: a counted value that never changes after it was made, so that a peer, the registry and a
 * message on its way may hold the same one on different threads. Joining a workspace makes a new
 * version; the old one lives on with whoever looks at it.
 *
 * The count is the only field that is written: releases pair with the acquire of the last unref. */
#include "auth/user.h"

#include <stdio.h>

#include "auth/scope.h"
#include "auth/user_make.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "wire/utf8.h"

enum { ANONYMOUS_LIFE_S = 600 }; /* told to clients, enforced nowhere */

struct user *user_new(struct slice id)
{
    ASSERT(user_id_is_valid(id));
    struct user *u = MEM_NEW(struct user);

    atomic_init(&u->n_refs, 1);
    u->id = mem_copy(id.ptr, id.len);
    return u;
}

bool user_id_is_valid(struct slice id)
{
    return id.len > 0 && id.len <= USER_ID_MAX && !slice_has_byte(id, '\0') && slice_is_utf8(id) &&
           !utf8_has_invisible(id);
}

void user_add_role(struct user *u, struct slice role)
{
    char **roles = mem_resize(u->roles, (u->n_roles + 1) * sizeof(*roles));

    u->roles = roles;
    u->roles[u->n_roles++] = mem_copy(role.ptr, role.len);
    if (slice_is(role, "anonymous"))
        u->is_anonymous = true;
}

void user_add_own_grants(struct user *u)
{
    char personal[USER_WORKSPACE_MAX];

    user_personal_workspace(u, personal);
    /* An id with a blank in it has no personal workspace, and must not get one that reads as two
     * grants in the next token. */
    if (!u->parent && scope_workspace_is_writable(slice_of(personal)))
        scope_grant(&u->scope, personal, PERMISSION_ADMIN);
    if (user_has_role(u, "admin"))
        scope_grant(&u->scope, "*", PERMISSION_ADMIN);
}

/* The count is not part of the value: whoever may look at a user may hold it. */
static struct user *user_countable(const struct user *u)
{
    union {
        const struct user *shown;
        struct user *mine;
    } as = {.shown = u};

    return as.mine;
}

struct user *user_ref(const struct user *u)
{
    struct user *mine = user_countable(u);

    atomic_fetch_add_explicit(&mine->n_refs, 1, memory_order_relaxed);
    return mine;
}

static void user_free(struct user *u)
{
    for (size_t i = 0; i < u->n_roles; i++)
        mem_free(u->roles[i]);
    mem_free(u->roles);
    mem_free(u->id);
    mem_free(u->email);
    mem_free(u->parent);
    mem_free(u->current_workspace);
    scope_deinit(&u->scope);
    lineage_deinit(&u->lineage);
    mem_free(u->origin);
    mem_free(u);
}

struct user *user_unref(const struct user *u)
{
    struct user *mine = user_countable(u);

    if (mine && atomic_fetch_sub_explicit(&mine->n_refs, 1, memory_order_acq_rel) == 1)
        user_free(mine);
    return NULL;
}

static char *user_copy_text(const char *text)
{
    return text ? mem_copy(text, strlen(text)) : NULL;
}

struct user *user_copy(const struct user *u)
{
    struct user *copy = user_new(slice_of(u->id));

    for (size_t i = 0; i < u->n_roles; i++)
        user_add_role(copy, slice_of(u->roles[i]));
    copy->email = user_copy_text(u->email);
    copy->parent = user_copy_text(u->parent);
    copy->current_workspace = user_copy_text(u->current_workspace);
    copy->expires_at = u->expires_at;
    copy->issued_at = u->issued_at;
    copy->is_anonymous = u->is_anonymous;
    scope_copy(&u->scope, &copy->scope);
    lineage_copy(&u->lineage, &copy->lineage);
    copy->origin = u->origin ? mem_copy(u->origin, USER_ORIGIN_LEN) : NULL;
    return copy;
}

struct user *user_new_root(const char *current_workspace)
{
    struct user *u = user_new(SLICE_LIT("root"));

    user_add_role(u, SLICE_LIT("admin"));
    scope_grant(&u->scope, "*", PERMISSION_ADMIN);
    u->current_workspace = user_copy_text(current_workspace);
    u->scope.current_workspace = user_copy_text(current_workspace);
    u->lineage.is_known = true;
    return u;
}

struct user *user_new_anonymous(const char *client_id)
{
    char id[RANDOM_NAME_MAX + sizeof("anonymouz-")], name[RANDOM_NAME_MAX],
        personal[USER_WORKSPACE_MAX];

    random_name(name);
    /* fits: the name has at most its room */
    (void)snprintf(id, sizeof(id), "anonymouz-%s", name);
    struct user *u = user_new(slice_of(id));
    user_add_role(u, SLICE_LIT("anonymous"));
    user_personal_workspace(u, personal);
    scope_grant(&u->scope, personal, PERMISSION_ADMIN);
    u->scope.current_workspace = user_copy_text(personal);
    u->scope.client_id = user_copy_text(client_id);
    u->expires_at = clock_wall_ms() / 1000 + ANONYMOUS_LIFE_S;
    u->lineage.is_known = true;
    return u;
}

struct user *user_new_http_anonymous(void)
{
    struct user *u = user_new(SLICE_LIT("anonymouz-http"));

    user_add_role(u, SLICE_LIT("anonymous"));
    scope_grant(&u->scope, "ws-anonymous", PERMISSION_READ);
    u->scope.current_workspace = user_copy_text("ws-anonymous");
    u->lineage.is_known = true;
    return u;
}

bool user_has_role(const struct user *u, const char *role)
{
    for (size_t i = 0; i < u->n_roles; i++) {
        if (strcmp(u->roles[i], role) == 0)
            return true;
    }
    return false;
}

const char *user_effective_id(const struct user *u)
{
    return u->parent ? u->parent : u->id;
}

void user_personal_workspace(const struct user *u, char out[USER_WORKSPACE_MAX])
{
    /* An id is at most USER_ID_MAX bytes, whoever made it. */
    int n = snprintf(out, USER_WORKSPACE_MAX, "ws-user-%s", u->id);

    ASSERT(n > 0 && n < USER_WORKSPACE_MAX);
}

const struct grant *user_grant(const struct user *u, struct slice workspace)
{
    const struct grant *best = NULL;

    for (size_t i = 0; i < u->scope.n_grants; i++) {
        const struct grant *g = &u->scope.grants[i];
        bool is_specific = slice_is(workspace, g->workspace);
        if (g->permission == PERMISSION_NONE || (!is_specific && strcmp(g->workspace, "*") != 0))
            continue;
        if (!best || g->permission > best->permission ||
            (g->permission == best->permission && is_specific))
            best = g;
    }
    return best;
}

enum permission user_permission(const struct user *u, struct slice workspace)
{
    const struct grant *g = user_grant(u, workspace);

    return g ? g->permission : PERMISSION_NONE;
}

bool user_is_specialized(const struct user *u)
{
    for (size_t i = 0; i < u->scope.n_extras; i++) {
        if (strchr(u->scope.extras[i], ':'))
            return true;
    }
    return false;
}

struct user *user_join(const struct user *u, const char *workspace, enum permission granted,
                       const char *client_id)
{
    struct user *joined = user_copy(u);
    struct scope *s = &joined->scope;
    enum permission held = user_permission(u, slice_of(workspace));

    /* Ownership does not lift a weaker grant. */
    if (held == PERMISSION_NONE)
        held = granted;
    if (held != PERMISSION_NONE)
        scope_grant(s, workspace, held);
    if (user_has_role(u, "admin"))
        scope_grant(s, "*", PERMISSION_ADMIN);
    mem_free(s->current_workspace);
    s->current_workspace = user_copy_text(workspace);
    mem_free(s->client_id);
    s->client_id = user_copy_text(client_id);
    return joined;
}

static size_t texts_taken(char *const *texts, size_t n)
{
    size_t sum = mem_taken(texts);

    for (size_t i = 0; i < n; i++)
        sum += mem_taken(texts[i]);
    return sum;
}

size_t user_taken(const struct user *u)
{
    const struct scope *s = &u->scope;
    size_t sum = mem_taken(u) + mem_taken(u->id) + mem_taken(u->email) + mem_taken(u->parent) +
                 mem_taken(u->current_workspace) + texts_taken(u->roles, u->n_roles) +
                 mem_taken(s->current_workspace) + mem_taken(s->client_id) +
                 texts_taken(s->extras, s->n_extras) + mem_taken(s->grants) +
                 lineage_taken(&u->lineage) + mem_taken(u->origin);

    for (size_t i = 0; i < s->n_grants; i++)
        sum += mem_taken(s->grants[i].workspace);
    return sum;
}
