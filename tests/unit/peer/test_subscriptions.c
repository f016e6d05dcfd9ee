/* What the hub remembers of what clients hear: against a model that keeps plain texts, through the
 * store, and at its caps. req: W-130 W-132 */
#include <inttypes.h>

#include "base/clock.h"
#include "peer/subscriber.h"
#include "peer/subscription_load.h"
#include "peer/subscription_store.h"
#include "unit/peer/peer_kit.h"
#include "unit/wire/dice.h"
#include "wire/json.h"
#include "wire/mp.h"

enum { N_USERS = 3, N_CLIENTS = 4, N_TYPES = 6, LIFE_S = 1000 };

static const char *const users[N_USERS] = {"ada", "bob", "eve"};
static const char *const ids[N_CLIENTS] = {"c0", "c1", "c2", "c3"};
static const char *const types[N_TYPES] = {"a", "b", "news", "client_disconnected", "x/y", ""};

struct model {
    bool is_here, is_known, hears[N_TYPES];
};

struct world {
    struct kit k;
    struct workspace *w;
    struct user *users[N_USERS];
    struct client *here[N_CLIENTS]; /* whoever holds the id */
    unsigned user_of[N_CLIENTS];
    struct model m[N_USERS][N_CLIENTS];
    struct dice dice;
    bool is_loaded;
};

static struct subscriptions *table(struct world *w)
{
    return w->k.hub.subscriptions;
}

static void open_world(struct world *w)
{
    memset(w, 0, sizeof(*w));
    kit_init(&w->k, 1);
    struct config *c = &w->k.t.config;
    c->max_subscriptions = 4;
    c->max_subscription_bytes = 4096;
    c->max_kept_subscriptions = 1000;
    c->kept_subscription_bytes = 1 << 20;
    c->reconnection_token_life_time_ms = LIFE_S * 1000;
    c->user_bytes = c->workspace_bytes = 1 << 20;
    w->k.hub.store = w->k.store;
    w->w = kit_workspace(&w->k, "ws-a", "ada");
    for (unsigned i = 0; i < N_USERS; i++)
        w->users[i] = kit_user(users[i], "ws:ws-a#a");
    w->dice = (struct dice){18};
}

static void leave(struct world *w, unsigned c)
{
    hub_client_leave(&w->k.hub, w->here[c]);
    client_remove(&w->k.hub.registry, w->here[c]);
    w->here[c] = NULL;
}

static void close_world(struct world *w)
{
    for (unsigned c = 0; c < N_CLIENTS; c++) {
        if (w->here[c])
            leave(w, c);
    }
    subscriptions_close(table(w));
    for (unsigned i = 0; i < N_USERS; i++)
        user_unref(w->users[i]);
    kit_deinit(&w->k);
}

/* Admits the client; returns what it hears at once. */
static struct slice enter(struct world *w, unsigned u, unsigned c, bool is_reconnection)
{
    struct hub *h = &w->k.hub;
    struct account *seat = hub_seat_take(h, w->w, w->users[u], &(struct in6_addr){0});

    w->here[c] =
        client_add(&h->registry, w->w, slice_of(ids[c]), w->users[u], (struct handle){0}, false);
    w->user_of[c] = u;
    client_pay(w->here[c], seat);
    hub_client_join(h, w->here[c]);
    account_unref(seat);
    return subscriptions_enter(table(w), w->here[c], is_reconnection);
}

static bool change(struct world *w, unsigned c, unsigned t, bool is_add)
{
    struct slice type = slice_of(types[t]);

    return subscriptions_change(table(w), w->here[c], &type, 1, is_add) == SUBSCRIPTION_OK;
}

static void check_heard(struct slice heard, const struct model *m)
{
    bool has[N_TYPES] = {false};
    struct slice item, text;

    while (heard.len) {
        unsigned t = 0;
        CHECK_INT(mp_take(&heard, 0, &item), MP_OK);
        CHECK(mp_get_str(item, &text));
        while (t < N_TYPES && !slice_is(text, types[t]))
            t++;
        CHECK(t < N_TYPES && !has[t]);
        has[t] = true;
    }
    for (unsigned t = 0; t < N_TYPES; t++)
        CHECK(has[t] == (m->hears[t] && m->is_known));
}

static unsigned n_heard(const struct model *m)
{
    unsigned n = 0;

    for (unsigned t = 0; t < N_TYPES; t++)
        n += m->hears[t];
    return n;
}

static void step(struct world *w)
{
    unsigned c = dice_below(&w->dice, N_CLIENTS), u = dice_below(&w->dice, N_USERS),
             t = dice_below(&w->dice, N_TYPES);
    struct model *m = &w->m[w->user_of[c]][c];

    if (!w->here[c]) {
        bool is_reconnection = dice_below(&w->dice, 4) > 0;
        struct slice heard = enter(w, u, c, is_reconnection);
        m = &w->m[u][c];
        if (!is_reconnection)
            *m = (struct model){0};
        check_heard(heard, m);
        m->is_here = m->is_known = true;
    } else if (dice_below(&w->dice, 5) == 0) {
        leave(w, c);
        m->is_here = false;
    } else {
        bool is_add = dice_below(&w->dice, 3) > 0, is_default = t == 3;
        bool fits = !is_add || m->hears[t] || is_default || n_heard(m) < 4;
        CHECK(change(w, c, t, is_add) == fits);
        if (fits && !is_default)
            m->hears[t] = is_add;
    }
}

CASE(a_set_waits_for_its_client_of_its_user)
{
    struct world w;

    open_world(&w);
    for (int i = 0; i < 20000; i++)
        step(&w);
    size_t n_away = 0;
    for (unsigned u = 0; u < N_USERS; u++) {
        for (unsigned c = 0; c < N_CLIENTS; c++)
            n_away += !w.m[u][c].is_here && w.m[u][c].is_known && n_heard(&w.m[u][c]);
    }
    CHECK_INT(table(&w)->n_away, n_away);
    CHECK_INT(w.k.t.loop->metrics.values[METRIC_SUBSCRIPTIONS_KEPT], n_away);
    for (unsigned c = 0; c < N_CLIENTS; c++) {
        if (w.here[c])
            leave(&w, c);
    }
    subscriptions_forget_workspace(table(&w), SLICE_LIT("ws-"));
    CHECK(table(&w)->n_away >= n_away);
    subscriptions_forget_workspace(table(&w), SLICE_LIT("ws-a"));
    CHECK_INT(table(&w)->subscribers.n_entries, 0);
    CHECK_INT(table(&w)->holders.n_entries, 0);
    CHECK_INT(table(&w)->away_bytes + table(&w)->stored_bytes + table(&w)->n_anonymous_away, 0);
    hub_sweep(&w.k.hub);
    /* Nothing is charged for what was forgotten; an account of a user who has gone may wait for the
     * next sweep. */
    CHECK(account_kept(w.w->account) - w.w->n_kept <= mem_taken(w.w->account));
    close_world(&w);
}

CASE(a_set_is_as_old_as_a_token_may_be)
{
    struct world w;

    open_world(&w);
    (void)enter(&w, 0, 0, false);
    CHECK(change(&w, 0, 2, true));
    leave(&w, 0);
    struct subscriber *r = subscriber_find(table(&w), SLICE_LIT("ws-a/c0 ada"));
    CHECK(r != NULL);
    int64_t now = clock_wall_ms() / 1000;
    CHECK(r->until >= now + LIFE_S - 1 && r->until <= now + LIFE_S + 1);
    r->until = now;
    CHECK_INT(enter(&w, 0, 0, true).len, 0);
    CHECK_INT(table(&w)->subscribers.n_entries, 0);
    close_world(&w);
}

static void on_loaded(bool ok, void *arg)
{
    CHECK(ok);
    ((struct world *)arg)->is_loaded = true;
}

/* The process ends and begins anew, with the store it had. */
static void restart(struct world *w)
{
    struct hub *h = &w->k.hub;

    for (unsigned c = 0; c < N_CLIENTS; c++) {
        if (w->here[c])
            leave(w, c);
    }
    subscriptions_close(table(w));
    h->subscriptions = subscriptions_free(h->subscriptions);
    h->subscriptions = subscriptions_new(h);
    w->is_loaded = false;
    subscriptions_load(h->subscriptions, on_loaded, w);
    TURNS_UNTIL(&w->k.t, w->is_loaded);
}

CASE(sets_outlive_the_process)
{
    struct world w;

    open_world(&w);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 200; i++)
            step(&w);
        restart(&w);
        for (unsigned u = 0; u < N_USERS; u++) {
            for (unsigned c = 0; c < N_CLIENTS; c++)
                w.m[u][c].is_here = false;
        }
    }
    CHECK(table(&w)->n_away > 0 && table(&w)->stored_bytes > 0);
    for (unsigned u = 0; u < N_USERS; u++) {
        for (unsigned c = 0; c < N_CLIENTS; c++) {
            check_heard(enter(&w, u, c, true), &w.m[u][c]);
            leave(&w, c);
        }
    }
    close_world(&w);
}

static void put(struct world *w, const char *key, const char *json)
{
    struct buf b;

    buf_init(&b, 0);
    if (json_to_mp(slice_of(json), &b, NULL) != JSON_OK)
        buf_add_text(&b, json);
    store_put(w->k.store, "subscriptions", slice_of(key), buf_slice(&b), 0, NULL, NULL);
    buf_deinit(&b);
}

CASE(what_cannot_be_read_keeps_nobody_from_starting)
{
    struct world w;

    open_world(&w);
    (void)enter(&w, 1, 1, false);
    CHECK(change(&w, 1, 0, true));
    put(&w, "ws-a/c2 ada", "\xc1 nothing");
    put(&w, "ws-a/c3 ada", "{\"until\":1}");
    put(&w, "no slash", "{}");
    put(&w, "ws-none/c1 ada",
        "{\"until\":9999999999,\"holder\":\"user:ada\",\"types\":[\"a\"],\"lineage\":null}");
    put(&w, "ws-a/c3 bob",
        "{\"until\":9999999999,\"holder\":\"user:bob\",\"types\":[],\"lineage\":null}");
    restart(&w);
    CHECK_INT(table(&w)->n_away, 1);
    CHECK(enter(&w, 1, 1, true).len > 0);
    leave(&w, 1);
    restart(&w); /* and what could not be read is no longer there */
    CHECK_INT(table(&w)->n_away, 1);
    close_world(&w);
}

/* Who leaves first makes room: of one's own, before anybody else's. */
CASE(room_is_made_by_who_left_first)
{
    struct world w;

    open_world(&w);
    w.k.t.config.max_kept_subscriptions = 20; /* a share of 3 */
    for (unsigned u = 0; u < 2; u++) {
        for (unsigned c = 0; c < N_CLIENTS; c++) {
            (void)enter(&w, u, c, false);
            CHECK(change(&w, c, 2, true));
            leave(&w, c);
        }
    }
    CHECK_INT(table(&w)->n_away, 6);
    for (unsigned u = 0; u < 2; u++) {
        for (unsigned c = 0; c < N_CLIENTS; c++) {
            CHECK((enter(&w, u, c, true).len > 0) == (c > 0));
            leave(&w, c);
        }
    }
    w.k.t.config.max_kept_subscriptions = 2;
    (void)enter(&w, 2, 0, false);
    CHECK(change(&w, 0, 2, true));
    leave(&w, 0);
    CHECK_INT(table(&w)->n_away, 2);
    CHECK(subscriber_find(table(&w), SLICE_LIT("ws-a/c3 bob")) &&
          subscriber_find(table(&w), SLICE_LIT("ws-a/c0 eve")));
    CHECK_INT(w.k.t.loop->metrics.values[METRIC_SUBSCRIPTIONS_DROPPED], 2 + 5);
    close_world(&w);
}

/* Who is anonymous is known by whose share it is, so it is after a restart too. */
CASE(the_anonymous_make_room_first_after_a_restart_too)
{
    struct world w;
    char key[32], record[200];

    open_world(&w);
    w.k.t.config.max_kept_subscriptions = 6; /* a share of 1 */
    for (int i = 0; i < 8; i++) {
        bool is_anonymous = i >= 3; /* the last to leave */
        snprintf(key, sizeof(key), "ws-a/c%d u%d", i, i);
        snprintf(record, sizeof(record),
                 "{\"until\":%d,\"holder\":\"%s%d\",\"types\":[\"a\"],\"lineage\":{\"of\":[],"
                 "\"continues\":false},"
                 "\"incarnation\":%" PRIu64 "}",
                 2000000000 + i, is_anonymous ? "ip:192.0.2." : "user:u", i, w.w->incarnation);
        put(&w, key, record);
    }
    restart(&w);
    CHECK_INT(table(&w)->n_away, 6);
    CHECK_INT(table(&w)->n_anonymous_away, 3);
    CHECK(subscriber_find(table(&w), SLICE_LIT("ws-a/c0 u0")) &&
          !subscriber_find(table(&w), SLICE_LIT("ws-a/c4 u4")));
    close_world(&w);
}

CASES(RUN(a_set_waits_for_its_client_of_its_user), RUN(a_set_is_as_old_as_a_token_may_be),
      RUN(sets_outlive_the_process), RUN(what_cannot_be_read_keeps_nobody_from_starting),
      RUN(room_is_made_by_who_left_first), RUN(the_anonymous_make_room_first_after_a_restart_too))
