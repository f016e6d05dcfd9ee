/* A real client on one loop, the hub on another: login, what the client hears, and how many event
 * types it may ask for. req: W-002 W-003 */
#include "net/stream.h"
#include "peer/events.h"
#include "peer/life.h"
#include "peer/peer.h"
#include "peer/subscription.h"
#include "peer/ws_peer.h"
#include "unit/peer/peer_kit.h"
#include "unit/ws/ws_kit_frame.h"

struct world {
    struct kit k;
    struct peer_loop pl;
    int fd;
    struct buf got;
    struct client *client;
    int outcome, n_done;
};

static void nothing(struct stream *s)
{
    (void)s;
}

static void read_more(struct world *w)
{
    char room[4096];
    ssize_t n;

    while ((n = recv(w->fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
        buf_add_slice(&w->got, slice_make(room, (size_t)n));
}

static bool has_got(struct world *w, const char *text)
{
    read_more(w);
    return w->got.len && memmem(w->got.ptr, w->got.len, text, strlen(text)) != NULL;
}

static void open_world(struct world *w)
{
    static const struct stream_ops none = {.on_closed = nothing};
    struct buf frame;
    int fds[2], error;

    memset(w, 0, sizeof(*w));
    kit_init(&w->k, 2);
    struct config *c = &w->k.t.config;
    c->login_timeout_ms = 5000;
    c->max_first_message_bytes = 65536;
    c->max_subscriptions = 4;
    c->max_subscription_bytes = 4096;
    c->max_kept_subscriptions = 100;
    c->kept_subscription_bytes = 1 << 20;
    c->max_connections_per_user = c->max_clients_per_workspace = 10;
    c->reconnection_token_life_time_ms = 172800000;
    c->user_bytes = c->workspace_bytes = c->peer_bytes = 1 << 20;
    peer_loop_init(&w->pl, w->k.t.loop, w->k.hub.router, &w->k.hub);
    buf_init(&w->got, 0);
    turns_pair(fds);
    w->fd = fds[1];
    struct stream *s = stream_open(w->k.t.loop, fds[0], &none, NULL, &error);
    CHECK(s != NULL);
    ws_peer_open(&w->pl, s, &(struct in6_addr){0}, w->k.hub.http, (struct slice){NULL, 0});
    buf_init(&frame, 0);
    kit_frame(&frame, 0x81, SLICE_LIT("{\"client_id\":\"c1\"}"), true);
    CHECK_INT(send(w->fd, frame.ptr, frame.len, 0), (long)frame.len);
    buf_deinit(&frame);
    TURNS_UNTIL(&w->k.t, has_got(w, "\"reconnection_token_life_time\":"));
    void *value;
    size_t at = 0;
    CHECK(map_next(&w->k.hub.registry.clients, &at, NULL, &value));
    w->client = value;
}

static void close_world(struct world *w)
{
    close(w->fd);
    TURNS_UNTIL(&w->k.t,
                w->k.hub.registry.clients.n_entries == 0 && list_is_empty(&w->k.t.loop->streams));
    CHECK_INT(w->k.hub.registry.workspaces.n_entries, 3);
    hub_sweep(&w->k.hub);
    /* A set of subscriptions that waits for its client is paid for by its user. */
    CHECK(w->k.hub.seats.entries.n_entries <= 1);
    peer_loop_deinit(&w->pl);
    buf_deinit(&w->got);
    kit_deinit(&w->k);
}

CASE(connection_info_comes_first)
{
    static const char *const fields[] = {
        "hypha_version", "public_base_url",    "local_base_url",
        "manager_id",    "workspace",          "client_id",
        "user",          "reconnection_token", "reconnection_token_life_time"};
    struct world w;

    open_world(&w);
    CHECK_BYTES(w.got.ptr, 1, "\x81", 1);
    CHECK_BYTES(w.got.ptr + 4, 26, "{\"type\":\"connection_info\",\"", 26);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char key[64];
        snprintf(key, sizeof(key), "\"%s\":", fields[i]);
        CHECK(has_got(&w, key));
    }
    CHECK(slice_starts(slice_of(w.client->full_id), "ws-user-anonymouz-"));
    close_world(&w);
}

static void on_done(int outcome, void *arg)
{
    struct world *w = arg;

    w->outcome = outcome;
    w->n_done++;
}

static void change(struct world *w, const struct client *c, const char *types, bool is_add,
                   int expected)
{
    struct slice list[8], rest = slice_of(types);
    size_t n = 0;

    while (slice_cut(rest, ' ', &list[n], &rest))
        n++;
    list[n++] = rest;
    w->n_done = 0;
    subscription_change(&w->k.hub, c, list, n, is_add, on_done, w);
    TURNS_UNTIL(&w->k.t, w->n_done == 1);
    CHECK_INT(w->outcome, expected);
}

static size_t n_subscriptions(struct world *w)
{
    struct peer *p = peer_find(w->k.t.loop, w->client->handle);

    CHECK(p != NULL);
    return p->n_subscriptions;
}

CASE(a_set_has_a_cap_and_no_doubles)
{
    struct world w;

    open_world(&w);
    change(&w, w.client, "a b a", true, SUBSCRIPTION_OK);
    CHECK_INT(n_subscriptions(&w), 2);
    change(&w, w.client, "b c d", true, SUBSCRIPTION_OK);
    CHECK_INT(n_subscriptions(&w), 4);
    change(&w, w.client, "d e", true, SUBSCRIPTION_FULL);
    CHECK_INT(n_subscriptions(&w), 4);
    change(&w, w.client, "a b c d", true, SUBSCRIPTION_OK);
    change(&w, w.client, "a never", false, SUBSCRIPTION_OK);
    CHECK_INT(n_subscriptions(&w), 3);
    change(&w, w.client, "e", true, SUBSCRIPTION_OK);
    CHECK_INT(n_subscriptions(&w), 4);
    close_world(&w);
}

CASE(only_what_was_asked_for_is_heard)
{
    struct world w;

    open_world(&w);
    struct slice workspace = slice_of(w.client->workspace->id);
    change(&w, w.client, "wanted", true, SUBSCRIPTION_OK);
    event_send(&w.k.hub, workspace, "unwanted", SLICE_LIT("\x01"));
    event_send(&w.k.hub, SLICE_LIT("public"), "wanted",
               SLICE_LIT("\xa9"
                         "elsewhere"));
    event_send(&w.k.hub, workspace, "wanted",
               SLICE_LIT("\xa5"
                         "first"));
    TURNS_UNTIL(&w.k.t, has_got(&w, "first"));
    CHECK(!has_got(&w, "unwanted") && !has_got(&w, "elsewhere"));
    change(&w, w.client, "wanted", false, SUBSCRIPTION_OK);
    event_send(&w.k.hub, workspace, "wanted",
               SLICE_LIT("\xa6"
                         "second"));
    change(&w, w.client, "other", true, SUBSCRIPTION_OK);
    event_send(&w.k.hub, workspace, "other",
               SLICE_LIT("\xa5"
                         "third"));
    TURNS_UNTIL(&w.k.t, has_got(&w, "third"));
    CHECK(!has_got(&w, "second"));
    close_world(&w);
}

CASES(RUN(connection_info_comes_first), RUN(a_set_has_a_cap_and_no_doubles),
      RUN(only_what_was_asked_for_is_heard))
