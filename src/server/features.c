/* features: a walk for each step of their life. Lower rooms first, and in the reverse order at the
 * end. */
#include "server/features.h"

#include "base/log.h"
#include "base/memory.h"
#include "manager/manager.h"
#include "manager/built_in_service.h"
#include "server/wiring.h"

static const struct feature *const all[] = {
#define FEATURE(room) &room##_feature,
#include "rooms_features.def"
#undef FEATURE
};

void features_make(struct server *s)
{
    struct feature_set *set = &s->features;

    s->feature_context = (struct feature_context){.loops = &s->loops,
                                                  .rpc_loops = s->rpc_loops,
                                                  .peer_loops = s->peer_loops,
                                                  .hub = &s->hub,
                                                  .config = s->config,
                                                  .accept_metrics = &s->metrics,
                                                  .features = set,
                                                  .phase = &s->phase};
    set->entries = mem_new(ARRAY_LEN(all) * sizeof(*set->entries));
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct feature_entry *e = &set->entries[set->n_entries++];
        *e = (struct feature_entry){.feature = all[i]};
        if (all[i]->make)
            e->made = all[i]->make(&s->feature_context);
    }
}

void features_free(struct server *s)
{
    struct feature_set *set = &s->features;

    for (; set->n_entries; set->n_entries--) {
        struct feature_entry *e = &set->entries[set->n_entries - 1];
        if (e->feature->free)
            e->feature->free(e->made);
    }
    mem_free(set->entries);
    set->entries = NULL;
}

/* ---- routes ---- */

/* Which of the rows go into the table in this round. */
enum rows { ROWS_FIRST, ROWS_FALLBACK, ROWS_ADMIN };

struct table {
    struct http_route *rows; /* NULL: they are counted */
    size_t n_rows;
};

static void add_rows(struct table *t, const struct feature_entry *e, const struct http_route *rows,
                     size_t n_rows, enum rows which)
{
    for (size_t i = 0; i < n_rows; i++) {
        bool is_fallback = rows[i].flags & HTTP_ROUTE_FALLBACK;
        if (which != ROWS_ADMIN && is_fallback != (which == ROWS_FALLBACK))
            continue;
        if (t->rows) {
            t->rows[t->n_rows] = rows[i];
            if (!rows[i].arg)
                t->rows[t->n_rows].arg = e->made;
        }
        t->n_rows++;
    }
}

static void features_add_all(struct table *t, const struct feature_set *set, enum rows which)
{
    for (size_t i = 0; i < set->n_entries; i++) {
        const struct feature_entry *e = &set->entries[i];
        const struct feature *f = e->feature;
        size_t n_more = 0;
        const struct http_route *more =
            f->more_routes && which != ROWS_ADMIN ? f->more_routes(e->made, &n_more) : NULL;

        add_rows(t, e, more, n_more, which);
        if (which == ROWS_ADMIN)
            add_rows(t, e, f->admin_routes, f->n_admin_routes, which);
        else
            add_rows(t, e, f->routes, f->n_routes, which);
    }
}

struct http_routes features_routes(const struct feature_set *set, bool is_admin)
{
    struct table t = {NULL, 0};

    for (int round = 0; round < 2; round++) {
        t.n_rows = 0;
        features_add_all(&t, set, is_admin ? ROWS_ADMIN : ROWS_FIRST);
        if (!is_admin)
            features_add_all(&t, set, ROWS_FALLBACK);
        if (!t.rows)
            t.rows = mem_new(t.n_rows * sizeof(*t.rows));
    }
    return (struct http_routes){t.rows, t.n_rows};
}

/* Empty: any. */
static struct slice first_segment(const struct http_route *route)
{
    struct slice segment = slice_of(route->pattern + 1), rest;

    (void)slice_cut(segment, '/', &segment, &rest);
    return slice_has_byte(segment, '{') ? (struct slice){NULL, 0} : segment;
}

static bool has_route_at(const struct feature_set *set, struct slice segment)
{
    for (size_t i = 0; i < set->n_entries; i++) {
        const struct feature *f = set->entries[i].feature;
        for (size_t n = 0; n < f->n_routes; n++) {
            if (slice_eq(first_segment(&f->routes[n]), segment))
                return true;
        }
    }
    return false;
}

bool features_check_routes(const struct feature_set *set)
{
    for (size_t i = 0; i < set->n_entries; i++) {
        const struct feature_entry *e = &set->entries[i];
        size_t n_more = 0;
        const struct http_route *more =
            e->feature->more_routes ? e->feature->more_routes(e->made, &n_more) : NULL;

        for (size_t n = 0; n < n_more; n++) {
            struct slice segment = first_segment(&more[n]);
            if (segment.len && has_route_at(set, segment)) {
                LOG(LOG_ERROR, "server", "the options give a route that the server has",
                    log_slice("name", segment));
                return false;
            }
        }
    }
    return true;
}

/* ---- hooks of a site ---- */

bool features_allow(struct http_request *req, unsigned *ret_retry_after_s, void *arg)
{
    const struct feature_set *set = arg;

    for (size_t i = 0; i < set->n_entries; i++) {
        const struct feature *f = set->entries[i].feature;
        if (f->allow && !f->allow(set->entries[i].made, req, ret_retry_after_s))
            return false;
    }
    return true;
}

void features_on_done(struct http_request *req, void *arg)
{
    const struct feature_set *set = arg;

    for (size_t i = 0; i < set->n_entries; i++) {
        const struct feature *f = set->entries[i].feature;
        if (f->on_done)
            f->on_done(set->entries[i].made, req);
    }
}

/* ---- on the hub loop ---- */

void features_open(struct feature_set *set, struct manager *m)
{
    for (size_t i = 0; i < set->n_entries; i++) {
        struct feature_entry *e = &set->entries[i];
        e->opened = e->feature->open ? e->feature->open(e->made, m) : e->made;
        e->is_open = true;
        if (e->feature->service)
            e->registration = manager_register(m, e->feature->service, e->opened);
    }
}

void features_drain(struct feature_set *set)
{
    for (size_t i = set->n_entries; i-- > 0;) {
        const struct feature_entry *e = &set->entries[i];
        if (e->is_open && e->feature->drain)
            e->feature->drain(e->opened);
    }
}

void features_close(struct feature_set *set)
{
    for (size_t i = set->n_entries; i-- > 0;) {
        struct feature_entry *e = &set->entries[i];
        if (!e->is_open)
            continue;
        e->is_open = false;
        e->registration = manager_unregister(e->registration);
        if (e->feature->close)
            e->feature->close(e->opened);
        e->opened = NULL;
    }
}
