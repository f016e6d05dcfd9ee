/* Queries against a naive model: the model is a plain array in registration order, and every
 * question is asked of both. */
#include "unit/registry/registry_kit.h"
#include "unit/wire/dice.h"

enum { N_WORKSPACES = 4, N_CLIENTS = 4, N_NAMES = 6, MODEL_MAX = 200, N_STEPS = 3000 };

static const char *const workspaces[N_WORKSPACES] = {"ws-a", "ws-b", "ws-bb", "public"};
static const char *const clients[N_CLIENTS] = {"bob", "bobby", "alice", "a"};
static const char *const names[N_NAMES] = {"calc", "calculator", "c", "built-in", "x.y", "x.z"};
static const char *const types[] = {"math", "text", NULL};
static const char *const apps[] = {"*", "app1", "app2"};

struct row {
    const char *workspace, *client, *name, *type, *app;
};

struct model {
    struct row rows[MODEL_MAX];
    size_t n;
    bool has_client[N_WORKSPACES][N_CLIENTS];
};

struct world {
    struct kit k;
    struct model m;
    struct dice dice;
};

static unsigned roll(struct world *w, unsigned n)
{
    return (unsigned)(dice_next(&w->dice) % n);
}

/* By the book: '*' is any run of characters, '?' any one. */
static bool glob(const char *p, const char *t)
{
    if (!*p)
        return !*t;
    if (*p == '*')
        return glob(p + 1, t) || (*t && glob(p, t + 1));
    return (*p == *t || (*p == '?' && *t)) && glob(p + 1, t + 1);
}

static void model_remove(struct model *m, size_t at)
{
    memmove(&m->rows[at], &m->rows[at + 1], (m->n - at - 1) * sizeof(m->rows[0]));
    m->n--;
}

static void model_remove_client(struct model *m, const char *workspace, const char *client)
{
    for (size_t i = 0; i < m->n;) {
        if (m->rows[i].workspace == workspace && m->rows[i].client == client)
            model_remove(m, i);
        else
            i++;
    }
}

static struct client *client_of(struct world *w, unsigned ws, unsigned c)
{
    char id[64];

    snprintf(id, sizeof(id), "%s/%s", workspaces[ws], clients[c]);
    return client_find(&w->k.r, slice_of(id));
}

static void add_service(struct world *w, unsigned ws, unsigned c)
{
    struct row row = {workspaces[ws], clients[c], names[roll(w, N_NAMES)], types[roll(w, 3)],
                      apps[roll(w, 3)]};
    struct client *client = client_of(w, ws, c);

    for (size_t i = 0; i < w->m.n; i++) {
        if (w->m.rows[i].workspace == row.workspace && w->m.rows[i].client == row.client &&
            w->m.rows[i].name == row.name)
            model_remove(&w->m, i);
    }
    CHECK(w->m.n < MODEL_MAX);
    w->m.rows[w->m.n++] = row;
    kit_service(&w->k, client, row.name, row.type, row.app);
}

static void remove_service(struct world *w)
{
    char id[96];

    if (!w->m.n)
        return;
    size_t at = roll(w, (unsigned)w->m.n);
    struct row *row = &w->m.rows[at];
    snprintf(id, sizeof(id), "%s/%s:%s", row->workspace, row->client, row->name);
    struct service *s = service_find(&w->k.r, slice_of(id));
    CHECK(s != NULL);
    service_remove(&w->k.r, s);
    model_remove(&w->m, at);
}

static void change(struct world *w)
{
    unsigned ws = roll(w, N_WORKSPACES), c = roll(w, N_CLIENTS);
    bool *has = &w->m.has_client[ws][c];

    if (!*has) {
        kit_client(&w->k, workspace_find(&w->k.r, slice_of(workspaces[ws])), clients[c]);
        *has = true;
    } else if (roll(w, 20) == 0) {
        client_remove(&w->k.r, client_of(w, ws, c));
        model_remove_client(&w->m, workspaces[ws], clients[c]);
        *has = false;
    } else if (roll(w, 4) == 0) {
        remove_service(w);
    } else {
        add_service(w, ws, c);
    }
}

struct question {
    const char *workspace, *client, *name, *type, *app;
    bool is_literal;
};

static bool any(const char *p)
{
    return !*p || strcmp(p, "*") == 0;
}

static bool part_matches(const struct question *q, const char *pattern, const char *text)
{
    return any(pattern) || (q->is_literal ? strcmp(pattern, text) == 0 : glob(pattern, text));
}

static bool model_matches(const struct question *q, const struct row *r)
{
    bool name = q->is_literal ? !*q->name || strcmp(q->name, r->name) == 0
                              : part_matches(q, q->name, r->name);

    return (!*q->workspace || strcmp(q->workspace, r->workspace) == 0) &&
           part_matches(q, q->client, r->client) && name &&
           (any(q->type) || (r->type && part_matches(q, q->type, r->type))) &&
           part_matches(q, q->app, r->app);
}

/* The answer within one workspace comes in registration order; between workspaces in any. */
static void ask(struct world *w, const struct question *q)
{
    struct service_query query = {.workspace = slice_of(q->workspace),
                                  .client = slice_of(q->client),
                                  .name = slice_of(q->name),
                                  .is_literal = q->is_literal,
                                  .type = slice_of(q->type),
                                  .app_id = slice_of(q->app)};
    struct service_cursor cursor;
    struct service *s;
    bool is_seen[MODEL_MAX] = {false};
    size_t n_expected = 0, n_found = 0, last[N_WORKSPACES] = {0};

    for (size_t i = 0; i < w->m.n; i++)
        n_expected += model_matches(q, &w->m.rows[i]);
    service_query_start(&cursor, &w->k.r, &query);
    while ((s = service_query_next(&cursor))) {
        size_t at = 0;
        unsigned ws = 0;
        while (at < w->m.n && !(strcmp(w->m.rows[at].workspace, s->client->workspace->id) == 0 &&
                                slice_is(s->client->id, w->m.rows[at].client) &&
                                slice_is(s->name, w->m.rows[at].name)))
            at++;
        while (strcmp(workspaces[ws], s->client->workspace->id) != 0)
            ws++;
        CHECK(at < w->m.n && !is_seen[at] && model_matches(q, &w->m.rows[at]) && at + 1 > last[ws]);
        is_seen[at] = true;
        last[ws] = at + 1;
        n_found++;
    }
    CHECK_INT(n_found, n_expected);
    CHECK(service_query_next(&cursor) == NULL);
}

static void ask_something(struct world *w)
{
    static const char *const ws[] = {"", "ws-a", "ws-b", "ws-bb", "public", "ws-none"};
    static const char *const cl[] = {"",      "*",    "bob",    "bob*", "*a*",
                                     "alice", "*b*y", "nobody", "b?b",  "?"};
    static const char *const na[] = {"",         "*",   "calc", "calc*", "*",   "x.*",
                                     "built-in", "**c", "none", "x.?",   "c???"};
    static const char *const ty[] = {"", "*", "math", "text", "none", "*t*", "m?th"};
    static const char *const ap[] = {"", "*", "app1", "none", "app*"};
    struct question q = {ws[roll(w, 6)], cl[roll(w, 10)], na[roll(w, 11)],
                         ty[roll(w, 7)], ap[roll(w, 5)],  roll(w, 3) == 0};

    ask(w, &q);
}

CASE(every_walk_finds_what_the_model_finds)
{
    struct world w;

    memset(&w, 0, sizeof(w));
    w.dice = (struct dice){2026};
    kit_init(&w.k);
    for (unsigned i = 0; i < N_WORKSPACES; i++)
        kit_workspace(&w.k, workspaces[i]);
    for (int i = 0; i < N_STEPS; i++) {
        change(&w);
        ask_something(&w);
        CHECK_INT(w.k.r.services.n_entries, w.m.n);
        CHECK_INT(w.k.loop.metrics.values[METRIC_SERVICES], w.m.n);
    }
    CHECK(w.m.n > 10);
    kit_deinit(&w.k);
}

static size_t row_of(const struct world *w, const struct service *s)
{
    size_t at = 0;

    while (at < w->m.n && !(strcmp(w->m.rows[at].workspace, s->client->workspace->id) == 0 &&
                            slice_is(s->client->id, w->m.rows[at].client) &&
                            slice_is(s->name, w->m.rows[at].name)))
        at++;
    return at;
}

/* Between any two steps services come and go. Who is there all the time is met once, who has gone
 * is not met any more. */
CASE(a_walk_goes_on_while_services_come_and_go)
{
    struct world w;
    unsigned n_met = 0;

    memset(&w, 0, sizeof(w));
    w.dice = (struct dice){7};
    kit_init(&w.k);
    for (unsigned i = 0; i < N_WORKSPACES; i++)
        kit_workspace(&w.k, workspaces[i]);
    for (int i = 0; i < 400; i++)
        change(&w);
    for (int round = 0; round < 400; round++) {
        struct service_query q = {.workspace = slice_of(workspaces[roll(&w, N_WORKSPACES)]),
                                  .name = slice_of(round % 2 ? "c*" : names[roll(&w, N_NAMES)])};
        struct service_walk walk;
        struct service *s;
        uint64_t last = 0, begun = 0; /* above the numbers of all that are there */
        size_t n_before = 0, n_lasting = 0;
        service_walk_start(&walk, &w.k.r, &q);
        struct service_cursor all;
        for (service_query_start(&all, &w.k.r, &q); (s = service_query_next(&all)); n_before++)
            begun = s->number >= begun ? s->number + 1 : begun;
        while (service_walk_step(&walk, &s)) {
            if (!s)
                continue;
            CHECK(row_of(&w, s) < w.m.n && s->number + 1 > last);
            last = s->number + 1;
            n_lasting += s->number < begun;
            n_met++;
            for (unsigned n = roll(&w, 3); n > 0; n--)
                change(&w);
        }
        size_t n_stayed = 0;
        for (service_query_start(&all, &w.k.r, &q); (s = service_query_next(&all));)
            n_stayed += s->number < begun;
        CHECK(n_lasting <= n_before && n_lasting >= n_stayed && !service_walk_step(&walk, &s));
        service_walk_end(&walk);
        service_walk_end(&walk);
        CHECK(list_is_empty(&w.k.r.walks));
    }
    CHECK(n_met > 400);
    kit_deinit(&w.k);
}

CASE(a_walk_outlives_its_workspace)
{
    struct kit k;
    struct service_walk walk;
    struct service *s;

    kit_init(&k);
    struct workspace *w = kit_workspace(&k, "ws-a");
    struct client *c = kit_client(&k, w, "bob");
    kit_service(&k, c, "s1", "t", "*");
    kit_service(&k, c, "s2", "t", "*");
    service_walk_start(
        &walk, &k.r,
        &(struct service_query){.workspace = SLICE_LIT("ws-a"), .name = SLICE_LIT("s*")});
    CHECK(service_walk_step(&walk, &s) && s);
    client_remove(&k.r, c);
    workspace_remove(&k.r, w);
    CHECK(!service_walk_step(&walk, &s));
    service_walk_end(&walk);
    kit_deinit(&k);
}

CASE(a_question_of_an_unknown_workspace_has_no_answer)
{
    struct kit k;
    struct service_cursor c;

    kit_init(&k);
    kit_service(&k, kit_client(&k, kit_workspace(&k, "ws-a"), "bob"), "s", "t", "*");
    service_query_start(&c, &k.r, &(struct service_query){.workspace = SLICE_LIT("ws-b")});
    CHECK(service_query_next(&c) == NULL);
    service_query_start(
        &c, &k.r, &(struct service_query){.workspace = SLICE_LIT("ws-b"), .name = SLICE_LIT("s")});
    CHECK(service_query_next(&c) == NULL);
    kit_deinit(&k);
}

CASES(RUN(every_walk_finds_what_the_model_finds), RUN(a_walk_goes_on_while_services_come_and_go),
      RUN(a_walk_outlives_its_workspace), RUN(a_question_of_an_unknown_workspace_has_no_answer))
