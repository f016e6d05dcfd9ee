/* A client that is removed is gone at once for everybody; its services are freed some at a time. */
#include "base/account.h"
#include "unit/registry/registry_kit.h"

enum { N_SERVICES = 500, PER_TURN_MOST = 16 };

static char *name_of(unsigned i, char out[16])
{
    (void)snprintf(out, 16, "s-%u", i);
    return out;
}

static struct client *crowded(struct kit *k, struct workspace *w, unsigned n)
{
    struct client *c = kit_client(k, w, "bob");
    char name[16];

    for (unsigned i = 0; i < n; i++)
        kit_service(k, c, name_of(i, name), "t", "*");
    return c;
}

/* A registry with one workspace, out of which a client with n services has just been removed. */
static struct workspace *begin_removed(struct kit *k, unsigned n)
{
    kit_init(k);
    struct workspace *w = kit_workspace(k, "ws-a");
    struct client *c = crowded(k, w, n);
    kit_hurry(k);
    client_remove(&k->r, c);
    return w;
}

static size_t n_found(struct kit *k, const char *workspace, const char *name)
{
    struct service_query q = {.workspace = slice_of(workspace), .name = slice_of(name)};
    struct service_cursor cursor;
    size_t n = 0;

    for (service_query_start(&cursor, &k->r, &q); service_query_next(&cursor);)
        n++;
    return n;
}

static unsigned turns_until_gone(struct kit *k)
{
    unsigned n = 0;
    size_t before = k->r.services.n_entries;

    for (; kit_turn(k); n++) {
        CHECK(before - k->r.services.n_entries <= PER_TURN_MOST);
        before = k->r.services.n_entries;
    }
    return n;
}

CASE(the_services_of_a_removed_client_are_freed_some_at_a_time_and_found_no_more)
{
    struct kit k;
    struct service_walk walk;
    struct service *s;
    size_t n_steps = 0;

    kit_init(&k);
    struct workspace *w = kit_workspace(&k, "ws-a");
    struct client *c = crowded(&k, w, N_SERVICES), *other = kit_client(&k, w, "eve");
    kit_service(&k, other, "s-1", "t", "*");
    kit_hurry(&k);
    service_walk_start(&walk, &k.r, &(struct service_query){.workspace = SLICE_LIT("ws-a")});
    CHECK(service_walk_step(&walk, &s) && s && s->client == c);
    client_remove(&k.r, c);
    CHECK(k.r.services.n_entries >= N_SERVICES + 1 - PER_TURN_MOST);
    CHECK_INT(w->n_services, 1);
    CHECK_INT(w->n_clients, 1);
    CHECK_INT(k.loop.metrics.values[METRIC_SERVICES], 1);
    CHECK(client_find(&k.r, SLICE_LIT("ws-a/bob")) == NULL);
    CHECK(service_find(&k.r, SLICE_LIT("ws-a/bob:s-499")) == NULL);
    CHECK_INT(n_found(&k, "ws-a", "s-1"), 1);
    CHECK_INT(n_found(&k, "ws-a", "*"), 1);
    CHECK_INT(n_found(&k, "", "*"), 1);
    for (size_t n = 0; service_walk_step(&walk, &s); n++) {
        CHECK(!s || s->client == other);
        n_steps++;
        if (n % 50 == 0)
            kit_turn(&k);
    }
    CHECK(n_steps > 100);
    service_walk_end(&walk);
    CHECK(turns_until_gone(&k) > 10);
    CHECK_INT(k.r.services.n_entries, 1);
    kit_deinit(&k);
}

CASE(a_client_with_few_services_is_gone_at_once)
{
    struct kit k;

    (void)begin_removed(&k, PER_TURN_MOST - 2);
    CHECK_INT(k.r.services.n_entries, 0);
    CHECK(!kit_turn(&k));
    kit_deinit(&k);
}

/* Between each two turns the one that came again registers what the old one had, the last first, so
 * that they meet on the way. */
CASE(who_comes_again_under_the_id_has_services_of_its_own)
{
    struct kit k;
    char name[16], id[32];

    struct workspace *w = begin_removed(&k, N_SERVICES);
    struct client *now = kit_client(&k, w, "bob");
    CHECK(client_find(&k.r, SLICE_LIT("ws-a/bob")) == now);
    for (unsigned i = N_SERVICES; i-- > 0;) {
        bool is_replaced = true;
        struct service_fields f = {.name = slice_of(name_of(i, name)),
                                   .app_id = SLICE_LIT("*"),
                                   .info = SLICE_LIT("\x80")};
        const struct service *s = service_add(&k.r, now, &f, &is_replaced);
        CHECK(s && !is_replaced);
        CHECK_INT(w->n_services, N_SERVICES - i);
        if (i % 20 == 0)
            kit_turn(&k);
    }
    (void)turns_until_gone(&k);
    CHECK_INT(k.r.services.n_entries, N_SERVICES);
    CHECK_INT(n_found(&k, "ws-a", "*"), N_SERVICES);
    for (unsigned i = 0; i < N_SERVICES; i++) {
        (void)snprintf(id, sizeof(id), "ws-a/bob:s-%u", i);
        const struct service *s = service_find(&k.r, slice_of(id));
        CHECK(s && s->client == now);
    }
    CHECK_INT(now->n_services, N_SERVICES);
    kit_deinit(&k);
}

static struct service *add_singleton(struct kit *k, struct client *c, const char *name)
{
    bool is_replaced;
    struct service_fields f = {.name = slice_of(name),
                               .app_id = SLICE_LIT("*"),
                               .is_singleton = true,
                               .info = SLICE_LIT("\x80")};

    return service_add(&k->r, c, &f, &is_replaced);
}

CASE(a_singleton_of_a_removed_client_is_in_nobodys_way)
{
    struct kit k;

    kit_init(&k);
    struct workspace *w = kit_workspace(&k, "ws-a");
    struct client *c = crowded(&k, w, N_SERVICES);
    add_singleton(&k, c, "one");
    CHECK(service_has_singleton(&k.r, SLICE_LIT("ws-a"), SLICE_LIT("one")));
    kit_hurry(&k);
    client_remove(&k.r, c);
    CHECK(!service_has_singleton(&k.r, SLICE_LIT("ws-a"), SLICE_LIT("one")));
    add_singleton(&k, kit_client(&k, w, "eve"), "one");
    CHECK(service_has_singleton(&k.r, SLICE_LIT("ws-a"), SLICE_LIT("one")));
    (void)turns_until_gone(&k);
    CHECK(service_has_singleton(&k.r, SLICE_LIT("ws-a"), SLICE_LIT("one")));
    kit_deinit(&k);
}

CASE(what_a_removed_client_took_is_free_at_once)
{
    struct kit k;
    struct account *root = account_new(NULL, ACCOUNT_PROCESS, 0),
                   *seat = account_new(root, ACCOUNT_USER, 0);

    kit_init(&k);
    registry_pay(&k.r, root);
    struct workspace *w = kit_workspace(&k, "ws-a");
    struct client *c = kit_client(&k, w, "bob");
    client_pay(c, seat);
    for (unsigned i = 0; i < N_SERVICES; i++) {
        char name[16];
        kit_service(&k, c, name_of(i, name), "t", "*");
    }
    size_t before = account_kept(root);
    CHECK(account_kept(seat) > N_SERVICES * sizeof(struct service));
    kit_hurry(&k);
    client_remove(&k.r, c);
    CHECK_INT(account_kept(seat), 0);
    CHECK(account_kept(root) > before / 2);
    (void)turns_until_gone(&k);
    CHECK(account_kept(root) < before / 2);
    kit_deinit(&k);
    account_unref(seat);
    account_unref(root);
}

CASE(a_workspace_that_is_removed_may_be_made_again_while_services_go)
{
    struct kit k;

    struct workspace *w = begin_removed(&k, N_SERVICES);
    workspace_remove(&k.r, w);
    CHECK(workspace_find(&k.r, SLICE_LIT("ws-a")) == NULL);
    CHECK_INT(k.loop.metrics.values[METRIC_WORKSPACES], 0);
    w = kit_workspace(&k, "ws-a");
    kit_service(&k, kit_client(&k, w, "bob"), "s-7", "t", "*");
    CHECK_INT(n_found(&k, "ws-a", "*"), 1);
    CHECK_INT(n_found(&k, "ws-a", "s-8"), 0);
    CHECK(turns_until_gone(&k) > 10);
    CHECK(workspace_find(&k.r, SLICE_LIT("ws-a")) == w);
    CHECK_INT(k.r.services.n_entries, 1);
    CHECK_INT(n_found(&k, "ws-a", "s-7"), 1);
    kit_deinit(&k);
}

CASE(who_is_in_a_workspace_that_is_removed_is_found_no_more)
{
    struct kit k;

    kit_init(&k);
    struct workspace *w = kit_workspace(&k, "ws-a"), *again;
    struct client *c = crowded(&k, w, N_SERVICES), *eve = kit_client(&k, w, "eve"), *now;
    kit_service(&k, eve, "s-1", "t", "*");
    add_singleton(&k, eve, "one");
    kit_hurry(&k);
    workspace_remove(&k.r, w);
    CHECK(client_find(&k.r, SLICE_LIT("ws-a/bob")) == NULL &&
          client_find_any(&k.r, SLICE_LIT("ws-a/bob")) == c);
    CHECK(service_find(&k.r, SLICE_LIT("ws-a/bob:s-1")) == NULL);
    CHECK_INT(n_found(&k, "ws-a", "*"), 0);
    CHECK_INT(n_found(&k, "ws-a", "s-1"), 0);
    CHECK_INT(n_found(&k, "", "s-1"), 0);
    CHECK(!service_has_singleton(&k.r, SLICE_LIT("ws-a"), SLICE_LIT("one")));
    again = kit_workspace(&k, "ws-a");
    now = kit_client(&k, again, "carl");
    kit_service(&k, now, "s-1", "t", "*");
    CHECK(client_remove(&k.r, c) == NULL);
    while (kit_turn(&k))
        continue;
    CHECK(client_find_any(&k.r, SLICE_LIT("ws-a/eve")) == eve);
    CHECK(client_remove(&k.r, eve) == NULL); /* the last to go: the old record with it */
    CHECK_INT(n_found(&k, "ws-a", "s-1"), 1);
    CHECK_INT(again->n_services, 1);
    CHECK_INT(k.r.services.n_entries, 1);
    CHECK(client_remove(&k.r, now) == again);
    kit_deinit(&k);
}

CASE(the_registry_ends_with_services_on_the_way)
{
    struct kit k;

    struct workspace *w = begin_removed(&k, N_SERVICES);
    workspace_remove(&k.r, w);
    w = kit_workspace(&k, "ws-a");
    crowded(&k, w, N_SERVICES);
    workspace_remove(&k.r, w);
    kit_deinit(&k);
    CHECK(list_is_empty(&k.loop.again));
}

CASES(RUN(the_services_of_a_removed_client_are_freed_some_at_a_time_and_found_no_more),
      RUN(a_client_with_few_services_is_gone_at_once),
      RUN(who_comes_again_under_the_id_has_services_of_its_own),
      RUN(a_singleton_of_a_removed_client_is_in_nobodys_way),
      RUN(what_a_removed_client_took_is_free_at_once),
      RUN(a_workspace_that_is_removed_may_be_made_again_while_services_go),
      RUN(who_is_in_a_workspace_that_is_removed_is_found_no_more),
      RUN(the_registry_ends_with_services_on_the_way))
