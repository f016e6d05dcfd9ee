/* What happened to one registry, applied to another, makes it the same. */
#include "registry/change.h"
#include "unit/registry/registry_kit.h"

enum { N_STEPS = 4000, N_WORKSPACES = 4, N_CLIENTS = 6, N_NAMES = 5, TEXTS_MOST = 24 };

/* ---- changes that are kept: everything they borrow is copied */

struct kept {
    struct change c;
    struct workspace_fields workspace;
    struct service_fields service;
    const char *owners[1];
    struct slice authorized[1];
    char *texts[TEXTS_MOST];
    size_t n_texts;
};

struct recorder {
    struct ledger_follower follower;
    struct kept *kept; /* N_STEPS of them */
    size_t n;
};

static char *keep(struct kept *k, const char *text, size_t len)
{
    CHECK(k->n_texts < TEXTS_MOST);
    return k->texts[k->n_texts++] = mem_copy(text, len);
}

static void keep_slice(struct kept *k, struct slice *s)
{
    if (s->ptr)
        s->ptr = keep(k, s->ptr, s->len);
}

static void keep_text(struct kept *k, const char **text)
{
    if (*text)
        *text = keep(k, *text, strlen(*text));
}

static void keep_workspace(struct kept *k, const struct workspace_fields **at)
{
    struct workspace_fields *f = &k->workspace;

    *f = **at;
    *at = f;
    keep_text(k, &f->id);
    keep_text(k, &f->name);
    keep_text(k, &f->description);
    keep_text(k, &f->creator);
    CHECK(f->n_owners <= 1);
    if (f->n_owners) {
        k->owners[0] = f->owners[0];
        keep_text(k, &k->owners[0]);
        f->owners = k->owners;
    }
    keep_slice(k, &f->config);
    keep_slice(k, &f->extra);
}

static void keep_service(struct kept *k, const struct service_fields **at)
{
    struct service_fields *f = &k->service;

    *f = **at;
    *at = f;
    keep_slice(k, &f->name);
    keep_slice(k, &f->app_id);
    keep_slice(k, &f->type);
    keep_slice(k, &f->info);
    CHECK(f->n_authorized <= 1);
    if (f->n_authorized) {
        k->authorized[0] = f->authorized[0];
        keep_slice(k, &k->authorized[0]);
        f->authorized = k->authorized;
    }
}

static void on_change(struct ledger_follower *follower, const struct change *c)
{
    struct recorder *r = CONTAINER_OF(follower, struct recorder, follower);
    struct kept *k = &r->kept[r->n++];

    k->c = *c;
    keep_slice(k, &k->c.workspace);
    keep_slice(k, &k->c.client);
    keep_slice(k, &k->c.service);
    if (c->kind == CHANGE_WORKSPACE_COMES)
        keep_workspace(k, &k->c.workspace_comes.fields);
    else if (c->kind == CHANGE_WORKSPACE_BECOMES)
        keep_workspace(k, &k->c.workspace_becomes);
    else if (c->kind == CHANGE_SERVICE_COMES)
        keep_service(k, &k->c.service_comes);
}

/* ---- what happens */

static unsigned roll(unsigned n)
{
    return (unsigned)rand() % n;
}

static void change_workspace(struct kit *k, const char *id, struct workspace *w)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    const char *const owner[] = {"alice"};
    struct workspace_fields f = {.id = id,
                                 .name = names[roll(3)],
                                 .description = roll(2) ? "d" : NULL,
                                 .owners = owner,
                                 .n_owners = 1,
                                 .is_persistent = roll(2),
                                 .extra = SLICE_LIT("\x80")};

    if (!w)
        workspace_add(&k->r, &f, NULL, 0);
    else if (roll(8) == 0)
        workspace_remove(&k->r, w);
    else if (roll(2))
        CHECK(workspace_change(w, &f));
    else
        CHECK(workspace_set_config(w, roll(2) ? SLICE_LIT("\x81\xa1\x61\x01") : SLICE_LIT("\x80")));
}

static void change_service(struct kit *k, struct client *c, const char *name)
{
    SCRATCH_BUF(full, 0);
    struct slice authorized = SLICE_LIT("ws-0");
    bool is_replaced;

    buf_add_fmt(&full, "%s:%s", c->full_id, name);
    struct service *s = service_find(&k->r, buf_slice(&full));
    struct service_fields f = {.name = slice_of(name),
                               .app_id = SLICE_LIT("*"),
                               .type = roll(2) ? SLICE_LIT("t") : (struct slice){NULL, 0},
                               .visibility = (enum service_visibility)roll(SERVICE_VISIBILITIES),
                               .is_singleton = roll(4) == 0,
                               .authorized = &authorized,
                               .n_authorized = roll(2),
                               .info = roll(2) ? SLICE_LIT("\x80") : SLICE_LIT("\x81\xa1\x61\x02")};
    f.has_authorized = f.n_authorized > 0;
    if (s && roll(2)) {
        service_remove(&k->r, s);
    } else {
        CHECK(service_add(&k->r, c, &f, &is_replaced) != NULL);
        CHECK(is_replaced == (s != NULL));
    }
}

static void step(struct kit *k)
{
    static const char *const names[N_NAMES] = {"built-in", "one", "two", "th:ree", "fo/ur"};
    char id[16], full_id[32];

    (void)snprintf(id, sizeof(id), "ws-%u", roll(N_WORKSPACES));
    (void)snprintf(full_id, sizeof(full_id), "%s/c:%u", id, roll(N_CLIENTS));
    struct workspace *w = workspace_find(&k->r, slice_of(id));
    struct client *c = client_find_any(&k->r, slice_of(full_id));
    unsigned what = roll(16);
    if (!w || what == 0)
        change_workspace(k, id, w);
    /* of one that was removed: it goes, whoever made the workspace again */
    else if (c && (what == 1 || c->workspace != w))
        (void)client_remove(&k->r, c);
    else if (!c)
        client_add(&k->r, w, slice_of(full_id + strlen(id) + 1), k->user,
                   (struct handle){.slot = roll(99), .generation = 1}, roll(4) == 0);
    else
        change_service(k, c, names[roll(N_NAMES)]);
    if (roll(8) == 0)
        kit_turn(k);
}

/* ---- what there is */

static void add_service(struct buf *b, const struct service *s)
{
    buf_add_fmt(b, "  %s %s/%s %s %d%d%d %zu %llu " SLICE_FMT "\n", s->full_id,
                s->type ? s->type : "-", s->app_id, service_visibility_name(s->visibility),
                s->is_singleton, s->is_built_in, s->has_authorized, s->n_authorized,
                (unsigned long long)s->number, SLICE_ARG(slice_make(s->info, s->info_len)));
}

static void add_workspace(struct buf *b, const struct kit *k, const struct workspace *w)
{
    struct service_query q = {.workspace = slice_of(w->id)};
    struct service_cursor cursor;
    const struct service *s;

    buf_add_fmt(b, "%s %llu %llu %lld %zu %zu ", w->id, (unsigned long long)w->number,
                (unsigned long long)w->incarnation, (long long)w->made_at, w->n_clients,
                w->n_services);
    workspace_add_record(b, w);
    LIST_FOREACH (it, &w->clients) {
        const struct client *c = LIST_ENTRY(it, struct client, link);
        buf_add_fmt(b, "\n %s %s %llu %u %d %zu %d", c->full_id, c->user->id,
                    (unsigned long long)c->generation, c->handle.slot, c->is_virtual, c->n_services,
                    c->built_in != NULL);
    }
    buf_add_byte(b, '\n');
    for (service_query_start(&cursor, &k->r, &q); (s = service_query_next(&cursor));)
        add_service(b, s);
}

static void check_same(const struct kit *a, const struct kit *b)
{
    SCRATCH_BUF(one, 0);
    SCRATCH_BUF(other, 0);

    CHECK_INT(a->r.workspaces.n_entries, b->r.workspaces.n_entries);
    CHECK_INT(a->r.clients.n_entries, b->r.clients.n_entries);
    CHECK_INT(registry_created(&a->r, "alice"), registry_created(&b->r, "alice"));
    CHECK_INT(a->loop.metrics.values[METRIC_SERVICES], b->loop.metrics.values[METRIC_SERVICES]);
    for (unsigned i = 0; i < N_WORKSPACES; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "ws-%u", i);
        const struct workspace *w = workspace_find(&a->r, slice_of(id)),
                               *v = workspace_find(&b->r, slice_of(id));
        CHECK((w != NULL) == (v != NULL));
        if (w) {
            add_workspace(&one, a, w);
            add_workspace(&other, b, v);
        }
    }
    CHECK_BYTES(one.ptr, one.len, other.ptr, other.len);
}

CASE(the_same_changes_make_the_same_registry)
{
    static struct kit original, copy;
    struct recorder r = {.follower = {.on_change = on_change},
                         .kept = mem_new(N_STEPS * sizeof(struct kept))};
    size_t n_of[CHANGE_SERVICE_GOES + 1] = {0};

    srand(5);
    kit_init(&original);
    kit_init(&copy);
    /* so that services are still going when others come under their names */
    kit_hurry(&original);
    list_init(&r.follower.link);
    ledger_follow(original.ledger, &r.follower);
    size_t n_applied = 0;
    for (unsigned i = 0; i < N_STEPS; i++) {
        step(&original);
        for (; n_applied < r.n && i % 40 == 39; n_applied++) {
            n_of[r.kept[n_applied].c.kind]++;
            registry_apply(&copy.r, &r.kept[n_applied].c);
        }
        if (i % 40 == 39)
            check_same(&original, &copy);
    }
    for (size_t i = 0; i < ARRAY_LEN(n_of); i++)
        CHECK(n_of[i] > 20);
    CHECK_INT(r.n, N_STEPS);
    ledger_unfollow(&r.follower);
    for (size_t i = 0; i < r.n; i++) {
        for (size_t t = 0; t < r.kept[i].n_texts; t++)
            mem_free(r.kept[i].texts[t]);
    }
    mem_free(r.kept);
    kit_deinit(&original);
    kit_deinit(&copy);
}

CASES(RUN(the_same_changes_make_the_same_registry))
