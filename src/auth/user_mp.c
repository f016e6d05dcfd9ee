/* user_mp: a user as the map that clients, services and tests of the original know: eight keys in a
 * fixed order, permissions as letters, the time as a float. */
#include "auth/user_mp.h"

#include "auth/scope.h"
#include "auth/user.h"
#include "auth/user_make.h"
#include "base/memory.h"
#include "wire/mp.h"

static void add_scope(struct buf *b, const struct scope *s)
{
    mp_add_map(b, 4);
    mp_add_text(b, "current_workspace");
    mp_add_text(b, s->current_workspace);
    mp_add_text(b, "workspaces");
    mp_add_map(b, (uint32_t)s->n_grants);
    for (size_t i = 0; i < s->n_grants; i++) {
        mp_add_text(b, s->grants[i].workspace);
        mp_add_text(b, permission_letter(s->grants[i].permission));
    }
    mp_add_text(b, "client_id");
    mp_add_text(b, s->client_id);
    mp_add_text(b, "extra_scopes");
    if (!s->has_extras) {
        mp_add_nil(b);
        return;
    }
    mp_add_array(b, (uint32_t)s->n_extras);
    for (size_t i = 0; i < s->n_extras; i++)
        mp_add_text(b, s->extras[i]);
}

enum { KEYS = 8 };

void user_add_mp(struct buf *b, const struct user *u, bool with_scope)
{
    mp_add_map(b, with_scope ? KEYS : KEYS - 1);
    mp_add_text(b, "id");
    mp_add_text(b, u->id);
    mp_add_text(b, "roles");
    mp_add_array(b, (uint32_t)u->n_roles);
    for (size_t i = 0; i < u->n_roles; i++)
        mp_add_text(b, u->roles[i]);
    mp_add_text(b, "is_anonymous");
    mp_add_bool(b, u->is_anonymous);
    if (with_scope) {
        mp_add_text(b, "scope");
        add_scope(b, &u->scope);
    }
    mp_add_text(b, "email");
    mp_add_text(b, u->email);
    mp_add_text(b, "parent");
    mp_add_text(b, u->parent);
    mp_add_text(b, "expires_at");
    if (u->expires_at)
        mp_add_float(b, (double)u->expires_at);
    else
        mp_add_nil(b);
    mp_add_text(b, "current_workspace");
    mp_add_text(b, u->current_workspace);
}

void user_add_sealed_mp(struct buf *b, struct slice map, const struct user *u)
{
    ASSERT(mp_count(map) == KEYS);
    mp_add_map(b, KEYS + 2 + (u->origin != NULL));
    buf_add_slice(b, slice_from(map, 1)); /* the head of so few keys is one byte */
    mp_add_text(b, "lineage");
    lineage_add_mp(b, &u->lineage);
    mp_add_text(b, "issued_at");
    mp_add_int(b, u->issued_at);
    if (u->origin) {
        mp_add_text(b, "origin");
        mp_add_bin(b, slice_make(u->origin, USER_ORIGIN_LEN));
    }
}

/* A text or nil (or absent); false for anything else. */
static bool user_mp_read_text(struct slice map, const char *key, char **ret)
{
    struct slice value, text;

    if (!mp_find(map, key, &value) || mp_is(value, MP_NIL))
        return true;
    if (!mp_get_str(value, &text) || slice_has_byte(text, '\0'))
        return false;
    *ret = mem_copy(text.ptr, text.len);
    return true;
}

static bool read_grants(struct slice map, struct scope *s)
{
    struct slice key, value, workspace, letter;
    struct scope_grants grants;
    struct mp_iter it;
    enum permission p;
    bool is_sound = true;

    scope_grants_begin(&grants, s);
    mp_iter_init(&it, map);
    while (is_sound && mp_iter_pair(&it, &key, &value)) {
        is_sound = mp_get_str(key, &workspace) && mp_get_str(value, &letter) &&
                   permission_from_letter(letter, &p) && !slice_has_byte(workspace, '\0');
        if (is_sound)
            scope_grants_add(&grants, workspace, p);
    }
    scope_grants_end(&grants);
    return is_sound;
}

static bool user_mp_read_scope(struct slice map, struct scope *s)
{
    struct slice value, text;
    struct mp_iter it;

    if (!mp_is(map, MP_MAP) ||
        !user_mp_read_text(map, "current_workspace", &s->current_workspace) ||
        !user_mp_read_text(map, "client_id", &s->client_id))
        return false;
    if (mp_find(map, "workspaces", &value) && !read_grants(value, s))
        return false;
    s->has_extras = mp_find(map, "extra_scopes", &value) && mp_is(value, MP_ARRAY);
    mp_iter_init(&it, s->has_extras ? value : (struct slice){0});
    while (mp_iter_next(&it, &value)) {
        if (!mp_get_str(value, &text) || slice_has_byte(text, '\0'))
            return false;
        scope_add_extra(s, text);
    }
    return true;
}

static bool user_mp_read_roles(struct slice map, struct user *u)
{
    struct slice value, text;
    struct mp_iter it;

    if (!mp_find(map, "roles", &value))
        return true;
    mp_iter_init(&it, value);
    while (mp_iter_next(&it, &value)) {
        if (!mp_get_str(value, &text) || slice_has_byte(text, '\0'))
            return false;
        user_add_role(u, text);
    }
    return true;
}

static bool user_mp_read_lineage(struct slice map, struct user *u)
{
    struct slice value;

    return !mp_find(map, "lineage", &value) || lineage_read_mp(value, &u->lineage);
}

static bool read_origin(struct slice map, struct user *u)
{
    struct slice value, bytes;

    if (!mp_find(map, "origin", &value))
        return true;
    if (!mp_get_bin(value, &bytes) || bytes.len != USER_ORIGIN_LEN)
        return false;
    u->origin = mem_copy(bytes.ptr, bytes.len);
    return true;
}

static bool read_rest(struct slice map, struct user *u)
{
    struct slice scope;
    double expires;

    if (!user_mp_read_roles(map, u) || !user_mp_read_text(map, "email", &u->email) ||
        !user_mp_read_text(map, "parent", &u->parent) ||
        !user_mp_read_text(map, "current_workspace", &u->current_workspace) ||
        !user_mp_read_lineage(map, u) || !read_origin(map, u))
        return false;
    if (mp_find(map, "scope", &scope) && !mp_is(scope, MP_NIL) &&
        !user_mp_read_scope(scope, &u->scope))
        return false;
    struct slice value;
    int64_t issued_at = 0;
    if (mp_find(map, "issued_at", &value) &&
        !(mp_get_int(value, &issued_at) && issued_at >= 0 && issued_at < UINT32_MAX))
        return false;
    u->issued_at = (uint32_t)issued_at;
    if (mp_find(map, "expires_at", &value) && mp_get_num(value, &expires)) {
        if (!(expires >= 0 && expires < 1e15))
            return false;
        u->expires_at = (int64_t)expires;
    }
    return true;
}

struct user *user_from_mp(struct slice map)
{
    struct slice id;

    if (!mp_is(map, MP_MAP) || !mp_find_str(map, "id", &id) || !user_id_is_valid(id))
        return NULL;
    struct user *u = user_new(id);
    return read_rest(map, u) ? u : user_unref(u);
}
