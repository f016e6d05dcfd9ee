/* creator: how many of the workspaces that are loaded each person has made. Counted as they come
 * and go, so that asking for a quota walks nothing. Who is merely named as an owner has made none:
 * otherwise anybody could use up somebody's quota. */
#include "base/account.h"
#include "base/memory.h"
#include "registry/records.h"

struct creator {
    size_t n_workspaces;
    size_t key_len;
    char key[]; /* a user's id */
};

static bool is_counted(const struct workspace *w)
{
    return w->creator && !w->is_anonymous && !w->is_system;
}

void creator_count(struct registry *r, const struct workspace *w)
{
    struct slice id = slice_of(w->creator);

    if (!is_counted(w))
        return;
    struct creator *c = map_find(&r->creators, id);
    if (!c) {
        c = mem_new(sizeof(*c) + id.len);
        c->key_len = id.len;
        memcpy(c->key, id.ptr, id.len);
        account_keep_always(r->payer, mem_taken(c));
        map_put(&r->creators, slice_make(c->key, c->key_len), c);
    }
    c->n_workspaces++;
}

void creator_discount(struct registry *r, const struct workspace *w)
{
    if (!is_counted(w))
        return;
    struct creator *c = map_find(&r->creators, slice_of(w->creator));
    ASSERT(c && c->n_workspaces);
    if (--c->n_workspaces)
        return;
    map_take(&r->creators, slice_make(c->key, c->key_len));
    account_drop(r->payer, mem_taken(c));
    mem_free(c);
}

size_t registry_created(const struct registry *r, const char *user_id)
{
    const struct creator *c = map_find(&r->creators, slice_of(user_id));

    return c ? c->n_workspaces : 0;
}
