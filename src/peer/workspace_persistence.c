/* workspace_persistence: a workspace's record on its way into the store. At most one write of a
 * record is under way; what changes meanwhile goes into the next one together, so a burst of
 * changes costs two writes and not one each. Whoever is to be told waits for the write that holds
 * the change. A change is seen by everybody at once and acknowledged when it is stored; when the
 * store refuses, the record is read back: what the store has is what the workspace is, and all who
 * wait hear that their change was taken back.
 *
 *   REST --save--> PUT --stored, nothing changed since--> REST
 *                  PUT --stored, changed since----------> PUT
 *                  PUT --refused--> READ ---------------> REST
 *
 * A removal waits behind a write under way and holds back the next one, or a deleted workspace
 * could come back. */
#include "peer/workspace_persistence.h"

#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "store/store.h"
#include "wire/mp.h"

enum { MAX_OWNERS = 1024 };
static const char BUCKET[] = "workspaces";

enum saving_state { SAVING_REST, SAVING_PUT, SAVING_READ };

struct saving {
    struct hub *hub;
    enum saving_state state;
    bool is_dirty;          /* changed since the write under way was made */
    unsigned n_removals;    /* under way */
    struct list now, later; /* struct waiter: for the write under way; for the next one */
    size_t id_len;
    char id[];
};

struct waiter {
    struct list link;
    workspace_persisted_fn *kept;
    void *arg;
};

struct removal {
    struct saving *saving;
    workspace_forgotten_fn *done;
    void *arg;
};

static struct slice persistence_key_of(const struct saving *s)
{
    return slice_make(s->id, s->id_len);
}

static struct saving *saving_of(struct hub *h, struct slice id)
{
    struct saving *s = map_find(&h->savings, id);

    if (s)
        return s;
    s = mem_new(sizeof(*s) + id.len);
    s->hub = h;
    list_init(&s->now);
    list_init(&s->later);
    s->id_len = id.len;
    memcpy(s->id, id.ptr, id.len);
    map_put(&h->savings, persistence_key_of(s), s);
    return s;
}

static void free_at_rest(struct saving *s)
{
    if (s->state != SAVING_REST || s->n_removals || s->is_dirty)
        return;
    map_take(&s->hub->savings, persistence_key_of(s));
    mem_free(s);
}

/* The callbacks may save and wait anew. */
static void persistence_settle(struct list *waiters, int outcome)
{
    struct list all;

    list_init(&all);
    list_move_all(&all, waiters);
    while (!list_is_empty(&all)) {
        struct waiter *w = LIST_ENTRY(all.next, struct waiter, link);
        list_unlink(&w->link);
        w->kept(outcome, w->arg);
        mem_free(w);
    }
}

/* ---- what a stored record says ---- */

struct record {
    struct workspace_fields f;
    int64_t incarnation, made_at;            /* 0: not in records of earlier releases */
    char *id, *name, *description, *creator; /* owned */
    const char *owners[MAX_OWNERS];          /* owned */
    struct buf extra;
};

static char *persistence_text_of(struct slice map, const char *key)
{
    struct slice text;

    return mp_find_str(map, key, &text) ? mem_copy(text.ptr, text.len) : NULL;
}

static void persistence_read_owners(struct record *r, struct slice map)
{
    struct slice owners, owner, text;
    struct mp_iter it;

    if (!mp_find(map, "owners", &owners))
        return;
    mp_iter_init(&it, owners);
    while (r->f.n_owners < MAX_OWNERS && mp_iter_next(&it, &owner)) {
        if (mp_get_str(owner, &text))
            r->owners[r->f.n_owners++] = mem_copy(text.ptr, text.len);
    }
}

static void persistence_read_extra(struct record *r, struct slice map)
{
    static const char *const keys[] = {"icon", "covers", "docs", "service_types"};
    struct mp_open extra;
    struct slice value;

    mp_open_map(&extra, &r->extra);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!mp_find(map, keys[i], &value))
            continue;
        mp_key(&extra, keys[i]);
        mp_add_raw(&r->extra, value);
    }
    mp_close(&extra);
}

/* NULL when it does not parse. The fields borrow from the bytes. */
static struct record *record_read(struct slice bytes)
{
    struct slice rest = bytes, map, id, value;

    if (mp_take(&rest, MP_MAX_DEPTH, &map) != MP_OK || !mp_find_str(map, "id", &id))
        return NULL;
    struct record *r = MEM_NEW(struct record);
    buf_init(&r->extra, 0);
    r->id = mem_copy(id.ptr, id.len);
    r->name = persistence_text_of(map, "name");
    r->description = persistence_text_of(map, "description");
    /* not in records of earlier releases */
    r->creator = persistence_text_of(map, "created_by");
    persistence_read_owners(r, map);
    persistence_read_extra(r, map);
    r->f.id = r->id;
    r->f.name = r->name;
    r->f.description = r->description;
    r->f.owners = r->owners;
    r->f.creator = r->creator;
    r->f.is_persistent = true;
    r->f.extra = buf_slice(&r->extra);
    if (mp_find(map, "incarnation", &value))
        (void)mp_get_int(value, &r->incarnation);
    if (mp_find(map, "made_at", &value))
        (void)mp_get_int(value, &r->made_at);
    (void)mp_find_bool(map, "read_only", &r->f.is_read_only);
    (void)mp_find(map, "config", &r->f.config);
    return r;
}

static void persistence_record_free(struct record *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->f.n_owners; i++)
        mem_free((void *)(uintptr_t)r->owners[i]);
    mem_free(r->id);
    mem_free(r->name);
    mem_free(r->description);
    mem_free(r->creator);
    buf_deinit(&r->extra);
    mem_free(r);
}

/* What the three have that was not made by us: what clients put there. */
static void load_system(struct workspace *w, const struct record *r)
{
    struct workspace_fields f = {.name = w->name,
                                 .description = w->description,
                                 .n_owners = w->n_owners,
                                 .owners = (const char *const *)w->owners,
                                 .config = r->f.config,
                                 .extra = r->f.extra};

    workspace_change_always(w, &f);
}

bool workspace_load_record(struct hub *h, struct slice bytes)
{
    struct record *r = record_read(bytes);
    struct workspace *w = r ? workspace_find(&h->registry, slice_of(r->id)) : NULL;
    bool ok = r != NULL;

    if (w && w->is_system) {
        load_system(w, r);
    } else if (ok && !w) { /* a scan of Redis may tell of one twice */
        const struct workspace_birth birth = {(uint64_t)r->incarnation, r->made_at};
        r->f.birth = &birth;
        w = hub_add_workspace(h, &r->f);
        hub_keep_workspace_always(h, w);
    }
    persistence_record_free(r);
    return ok;
}

/* ---- writing ---- */

static void persistence_on_put(int outcome, void *arg);

static void persistence_put(struct saving *s, const struct workspace *w, store_done *done,
                            void *arg)
{
    SCRATCH_BUF(b, 0);

    workspace_add_record(&b, w);
    store_put(s->hub->store, BUCKET, persistence_key_of(s), buf_slice(&b), 0, done, arg);
}

static void persistence_start(struct saving *s, const struct workspace *w)
{
    list_move_all(&s->now, &s->later);
    s->is_dirty = false;
    s->state = SAVING_PUT;
    persistence_put(s, w, persistence_on_put, s);
}

static void persistence_go_on(struct saving *s)
{
    s->state = SAVING_REST;
    if (s->hub->savings_are_closed)
        s->is_dirty = false;
    if (s->is_dirty && !s->n_removals) {
        const struct workspace *w = workspace_find(&s->hub->registry, persistence_key_of(s));
        if (w) {
            persistence_start(s, w);
            return;
        }
        s->is_dirty = false;
        persistence_settle(&s->later, WORKSPACE_GONE);
    }
    free_at_rest(s);
}

/* The workspace becomes what the store has. One it never had, a personal one, becomes what it was
 * when it was made. */
static void persistence_take_back(struct hub *h, struct workspace *w, struct slice stored)
{
    struct workspace_fields bare = {.name = w->name,
                                    .description = w->description,
                                    .n_owners = w->n_owners,
                                    .owners = (const char *const *)w->owners};
    struct record *r = stored.len ? record_read(stored) : NULL;

    workspace_change_always(w, r ? &r->f : &bare);
    persistence_record_free(r);
    event_workspace(h, slice_of(w->id), w, "workspace_changed");
}

static void persistence_on_read(int outcome, struct slice stored, void *arg)
{
    struct saving *s = arg;
    struct workspace *w = workspace_find(&s->hub->registry, persistence_key_of(s));

    if (!s->hub->savings_are_closed) {
        if (w && outcome != STORE_FAILED)
            persistence_take_back(s->hub, w, stored);
        list_move_all(&s->now, &s->later);
        s->is_dirty = false;
        persistence_settle(&s->now, outcome == STORE_FAILED ? WORKSPACE_PERSISTENCE_UNKNOWN
                                                            : WORKSPACE_NOT_PERSISTED);
    }
    persistence_go_on(s);
}

static void persistence_on_put(int outcome, void *arg)
{
    struct saving *s = arg;

    if (outcome == STORE_OK) {
        persistence_settle(&s->now, WORKSPACE_PERSISTED);
        persistence_go_on(s);
        return;
    }
    LOG(LOG_ERROR, "peer", "workspace record not stored",
        log_slice("workspace", persistence_key_of(s)));
    if (s->hub->savings_are_closed) {
        persistence_go_on(s);
        return;
    }
    s->state = SAVING_READ;
    store_get(s->hub->store, BUCKET, persistence_key_of(s), persistence_on_read, s);
}

void workspace_persist(struct hub *h, const struct workspace *w)
{
    if (!w->is_persistent || !h->store || h->savings_are_closed)
        return;
    struct saving *s = saving_of(h, slice_of(w->id));
    if (s->state == SAVING_REST && !s->n_removals)
        persistence_start(s, w);
    else
        s->is_dirty = true;
}

void workspace_when_persisted(struct hub *h, const struct workspace *w,
                              workspace_persisted_fn *kept, void *arg)
{
    struct saving *s = map_find(&h->savings, slice_of(w->id));

    if (!s || (s->state == SAVING_REST && !s->is_dirty)) {
        kept(WORKSPACE_PERSISTED, arg);
        return;
    }
    struct waiter *waiter = MEM_NEW(struct waiter);
    *waiter = (struct waiter){.kept = kept, .arg = arg};
    list_init(&waiter->link);
    list_link(s->is_dirty ? &s->later : &s->now, &waiter->link);
}

/* ---- removing ---- */

static void persistence_on_removed(int outcome, void *arg)
{
    struct removal *r = arg;
    struct saving *s = r->saving;

    r->done(outcome, r->arg);
    mem_free(r);
    s->n_removals--;
    if (s->state == SAVING_REST)
        persistence_go_on(s);
}

void workspace_forget_record(struct hub *h, const struct workspace *w, workspace_forgotten_fn *done,
                             void *arg)
{
    if (!h->store) {
        done(STORE_OK, arg);
        return;
    }
    struct removal *r = MEM_NEW(struct removal);
    *r = (struct removal){saving_of(h, slice_of(w->id)), done, arg};
    r->saving->n_removals++;
    store_remove(h->store, BUCKET, slice_of(w->id), persistence_on_removed, r);
}

void workspaces_close_records(struct hub *h)
{
    void *value;

    h->savings_are_closed = true;
    for (size_t at = 0; map_next(&h->savings, &at, NULL, &value);) {
        struct saving *s = value;
        const struct workspace *w = workspace_find(&h->registry, persistence_key_of(s));
        if (s->is_dirty && w && !s->n_removals)
            persistence_put(s, w, NULL, NULL);
        s->is_dirty = false;
        persistence_settle(&s->now, WORKSPACE_RECORDS_CLOSED);
        persistence_settle(&s->later, WORKSPACE_RECORDS_CLOSED);
    }
}
