/* workspace: the record of 2.1. What the server never looks into (config, service types, icon, ...)
 * stays encoded. */
#include "auth/user.h"
#include "base/account.h"
#include "base/memory.h"
#include "registry/records.h"
#include "wire/mp.h"
#include "wire/pairs.h"

enum { HEAP_COST = 32 }; /* of a small block, beside its bytes */

struct workspace *workspace_find(const struct registry *r, struct slice id)
{
    return map_find(&r->workspaces, id);
}

static char *workspace_copy_text(const char *text)
{
    return text ? mem_copy(text, strlen(text)) : NULL;
}

static void nobody_waits(struct timer *t)
{
    (void)t;
}

static void set_owners(struct workspace *w, const struct workspace_fields *f)
{
    w->owners = mem_new((f->n_owners ? f->n_owners : 1) * sizeof(char *));
    w->n_owners = f->n_owners;
    for (size_t i = 0; i < f->n_owners; i++)
        w->owners[i] = workspace_copy_text(f->owners[i]);
}

static void set_extra(struct workspace *w, struct slice extra)
{
    w->extra = extra.len ? mem_copy(extra.ptr, extra.len) : NULL;
    w->extra_len = extra.len;
}

static void set_config(struct workspace *w, struct slice config)
{
    w->config = config.len ? mem_copy(config.ptr, config.len) : NULL;
    w->config_len = config.len;
}

static size_t workspace_taken(const struct workspace *w)
{
    return mem_taken(w) + mem_taken(w->id) + mem_taken(w->name) + mem_taken(w->description) +
           mem_taken(w->config) + mem_taken(w->creator) + mem_taken(w->extra) +
           texts_taken(w->owners, w->n_owners);
}

/* Called whenever what it owns has changed, for which there is room. */
static void account_for(struct workspace *w)
{
    account_keep_now_always(w->keeper, &w->n_kept, workspace_taken(w));
}

static size_t texts_of(const struct workspace_fields *f)
{
    size_t n = f->config.len + f->extra.len + (f->name ? strlen(f->name) : 0) +
               (f->description ? strlen(f->description) : 0);

    for (size_t i = 0; i < f->n_owners; i++)
        n += strlen(f->owners[i]) + HEAP_COST;
    return n;
}

struct workspace_fields workspace_fields_of(const struct workspace *w)
{
    return (struct workspace_fields){.name = w->name,
                                     .description = w->description,
                                     .owners = (const char *const *)w->owners,
                                     .n_owners = w->n_owners,
                                     .config = {w->config, w->config_len},
                                     .extra = {w->extra, w->extra_len}};
}

size_t workspace_growth(const struct workspace *w, const struct workspace_fields *f)
{
    struct workspace_fields now = workspace_fields_of(w);
    size_t was = texts_of(&now), will_be = texts_of(f);

    return will_be > was ? will_be - was : 0;
}

void workspace_become(struct workspace *w, const struct workspace_fields *f)
{
    struct workspace old = *w;

    /* The new values may be borrowed from the old ones. */
    w->name = workspace_copy_text(f->name ? f->name : w->id);
    w->description = workspace_copy_text(f->description);
    set_owners(w, f);
    set_extra(w, f->extra);
    set_config(w, f->config);
    texts_free(old.owners, old.n_owners);
    mem_free(old.name);
    mem_free(old.description);
    mem_free(old.extra);
    mem_free(old.config);
    account_for(w);
}

static void move_to(struct workspace *w, struct account *keeper)
{
    account_ref(keeper);
    account_drop(w->keeper, w->n_kept);
    account_unref(w->keeper);
    w->keeper = keeper;
}

bool workspace_pay(struct workspace *w, struct account *keeper)
{
    if (account_keep(keeper, w->n_kept))
        return false;
    move_to(w, keeper);
    return true;
}

void workspace_pay_always(struct workspace *w, struct account *keeper)
{
    account_keep_always(keeper, w->n_kept);
    move_to(w, keeper);
}

const char *workspace_maker(const struct workspace_fields *f)
{
    return f->creator || !f->n_owners ? f->creator : f->owners[0];
}

void workspace_come(struct registry *r, uint64_t number, const struct workspace_coming *c)
{
    const struct workspace_fields *f = c->fields;
    struct workspace *w = MEM_NEW(struct workspace);

    w->registry = r;
    w->number = number;
    w->id = workspace_copy_text(f->id);
    w->incarnation = c->birth.incarnation;
    w->made_at = c->birth.made_at;
    w->name = workspace_copy_text(f->name ? f->name : f->id);
    w->description = workspace_copy_text(f->description);
    set_owners(w, f);
    w->creator = workspace_copy_text(workspace_maker(f));
    w->is_persistent = f->is_persistent;
    w->is_read_only = f->is_read_only;
    w->is_anonymous = f->is_anonymous;
    w->is_system = f->is_system;
    w->account = account_new(c->parent, ACCOUNT_WORKSPACE, c->cap_bytes);
    w->keeper = account_ref(w->account);
    set_config(w, f->config);
    set_extra(w, f->extra);
    account_for(w);
    list_init(&w->clients);
    list_init(&w->services);
    timer_init(&w->unload, nobody_waits);
    void *replaced = map_put(&r->workspaces, slice_of(w->id), w);
    ASSERT(!replaced);
    creator_count(r, w);
    loop_count(r->loop, METRIC_WORKSPACES, 1);
}

void workspace_free(struct workspace *w)
{
    account_drop(w->keeper, w->n_kept);
    account_unref(w->keeper);
    account_unref(w->account);
    texts_free(w->owners, w->n_owners);
    mem_free(w->id);
    mem_free(w->name);
    mem_free(w->description);
    mem_free(w->creator);
    mem_free(w->config);
    mem_free(w->extra);
    mem_free(w);
}

void workspace_hold(struct workspace *w)
{
    w->n_going++;
}

void workspace_let_go(struct workspace *w)
{
    ASSERT(w->n_going > 0);
    if (--w->n_going == 0 && w->has_gone && list_is_empty(&w->clients))
        workspace_free(w);
}

void workspace_go(struct registry *r, struct workspace *w)
{
    bool is_empty = list_is_empty(&w->clients) && !w->n_going;

    ASSERT(!w->has_gone);
    LIST_FOREACH (it, &r->watches) {
        struct registry_watch *watch = LIST_ENTRY(it, struct registry_watch, link);
        if (watch->on_workspace_going)
            watch->on_workspace_going(watch, w);
    }
    service_walks_leave(r, &w->services);
    if (!is_empty && r->payer)
        workspace_pay_always(w, r->payer);
    map_take(&r->workspaces, slice_of(w->id));
    creator_discount(r, w);
    timer_stop(r->loop, &w->unload);
    loop_count(r->loop, METRIC_WORKSPACES, -1);
    w->has_gone = true;
    if (is_empty)
        workspace_free(w);
}

enum ownership workspace_ownership(const struct workspace *w, const struct user *u)
{
    char personal[USER_WORKSPACE_MAX];

    /* A child token inherits e-mail and roles of its minter, not what the minter owns (D-04). */
    if (u->parent)
        return OWNS_NOT;
    user_personal_workspace(u, personal);
    if (strcmp(personal, w->id) == 0)
        return OWNS_AS_PERSONAL;
    for (size_t i = 0; i < w->n_owners; i++) {
        if (strcmp(w->owners[i], u->id) == 0)
            return OWNS_BY_ID;
        if (u->email && strcmp(w->owners[i], u->email) == 0)
            return OWNS_BY_EMAIL;
    }
    return OWNS_NOT;
}

bool workspace_owned_by(const struct workspace *w, const struct user *u)
{
    return workspace_ownership(w, u) != OWNS_NOT;
}

static void workspace_add_config(struct buf *b, const struct workspace *w, bool with_environs)
{
    const char *const but[] = {with_environs ? NULL : "environs", NULL};
    struct mp_open map;

    mp_open_map(&map, b);
    pairs_add_but(&map, slice_make(w->config, w->config_len), but);
    mp_close(&map);
}

static void add_extra(struct buf *b, const struct workspace *w, const char *key, bool is_map)
{
    struct slice value;

    mp_add_text(b, key);
    if (w->extra && mp_find(slice_make(w->extra, w->extra_len), key, &value))
        mp_add_raw(b, value);
    else if (is_map)
        mp_add_map(b, 0);
    else
        mp_add_nil(b);
}

static void add_pairs(struct buf *b, const struct workspace *w, bool with_environs)
{
    mp_add_text(b, "type");
    mp_add_text(b, "workspace");
    mp_add_text(b, "id");
    mp_add_text(b, w->id);
    mp_add_text(b, "name");
    mp_add_text(b, w->name);
    mp_add_text(b, "description");
    mp_add_text(b, w->description);
    mp_add_text(b, "persistent");
    mp_add_bool(b, w->is_persistent);
    mp_add_text(b, "owners");
    mp_add_array(b, (uint32_t)w->n_owners);
    for (size_t i = 0; i < w->n_owners; i++)
        mp_add_text(b, w->owners[i]);
    mp_add_text(b, "read_only");
    mp_add_bool(b, w->is_read_only);
    add_extra(b, w, "icon", false);
    add_extra(b, w, "covers", false);
    add_extra(b, w, "docs", false);
    add_extra(b, w, "service_types", true);
    mp_add_text(b, "config");
    workspace_add_config(b, w, with_environs);
    mp_add_text(b, "status");
    mp_add_map(b, w->is_anonymous ? 1 : 2);
    mp_add_text(b, "ready");
    mp_add_bool(b, true);
    if (!w->is_anonymous) {
        mp_add_text(b, "errors");
        mp_add_nil(b);
    }
}

void workspace_add_mp(struct buf *b, const struct workspace *w, bool with_environs)
{
    mp_add_map(b, 13);
    add_pairs(b, w, with_environs);
}

void workspace_add_record(struct buf *b, const struct workspace *w)
{
    mp_add_map(b, 13 + (w->creator != NULL) + (w->incarnation != 0) + (w->made_at != 0));
    add_pairs(b, w, true);
    if (w->incarnation) {
        mp_add_text(b, "incarnation");
        mp_add_int(b, (int64_t)w->incarnation);
    }
    if (w->made_at) {
        mp_add_text(b, "made_at");
        mp_add_int(b, w->made_at);
    }
    if (w->creator) {
        mp_add_text(b, "created_by");
        mp_add_text(b, w->creator);
    }
}
