/* Which workspaces there are, which are made on demand, and which are given up. req: S-91 */
#include "hyphad/protocol.h"
#include "peer/connect_authorization.h"
#include "peer/connect_request.h"
#include "peer/lease.h"
#include "peer/workspace_persistence.h"
#include "unit/peer/peer_kit.h"
#include "wire/mp.h"

static int open_as(struct kit *k, const char *id, const char *user, struct workspace **ret)
{
    struct user *u = strcmp(user, "nobody") == 0 ? user_new_anonymous("c") : kit_user(user, "");
    int r;

    *ret = NULL;
    r = workspace_open(&k->hub, slice_of(id), u, &(struct in6_addr){0}, ret);
    user_unref(u);
    return r;
}

CASE(system_workspaces_are_always_there)
{
    struct kit k;
    struct workspace *w;

    kit_init(&k, 1);
    CHECK_INT(open_as(&k, "public", "nobody", &w), WORKSPACE_OPENED);
    CHECK(w->is_system && w->is_read_only && w->is_persistent);
    workspace_client_left(&k.hub, w);
    CHECK_INT(open_as(&k, "ws-user-root", "nobody", &w), WORKSPACE_OPENED);
    CHECK(!w->is_read_only);
    CHECK_INT(open_as(&k, "ws-anonymous", "nobody", &w), WORKSPACE_OPENED);
    CHECK(w->is_read_only);
    CHECK_TEXT(w->name, "Anonymous Workspace");
    CHECK_INT(k.hub.registry.workspaces.n_entries, 3);
    kit_deinit(&k);
}

CASE(ones_own_is_made_on_demand)
{
    struct kit k;
    struct workspace *w, *again;

    kit_init(&k, 1);
    CHECK_INT(open_as(&k, "ws-user-bob", "alice", &w), WORKSPACE_UNKNOWN);
    CHECK_INT(open_as(&k, "ws-user-bob", "bob", &w), WORKSPACE_OPENED);
    CHECK(w->is_persistent && !w->is_read_only && !w->is_anonymous && w->n_owners == 1);
    CHECK_TEXT(w->owners[0], "bob");
    CHECK_INT(open_as(&k, "ws-user-bob", "alice", &again), WORKSPACE_OPENED);
    CHECK(again == w);
    workspace_client_left(&k.hub, w);
    CHECK(workspace_find(&k.hub.registry, SLICE_LIT("ws-user-bob")) == w);
    kit_deinit(&k);
}

CASE(what_is_not_made_says_why)
{
    static const struct {
        const char *id, *user;
        int outcome;
        const char *text;
    } rows[] = {
        {"*", "bob", WORKSPACE_DYNAMIC, "Dynamic workspace is not allowed for this endpoint"},
        {"ws-none", "bob", WORKSPACE_UNKNOWN,
         "'Workspace ws-none does not exist or is not accessible'"},
        {"ws-user-Bob", "Bob", WORKSPACE_BAD_NAME,
         "Invalid workspace name: ws-user-Bob, only lowercase letters, numbers and hyphens are "
         "allowed."},
        {"ws-user-anonymouz-A b", "bob", WORKSPACE_UNKNOWN,
         "'Workspace ws-user-anonymouz-A b does not exist or is not accessible'"},
        {"", "bob", WORKSPACE_UNKNOWN, "'Workspace  does not exist or is not accessible'"},
    };
    struct kit k;

    kit_init(&k, 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct workspace *w;
        char text[WORKSPACE_OPEN_ERROR_MAX];
        int r = open_as(&k, rows[i].id, rows[i].user, &w);
        CHECK_INT(r, rows[i].outcome);
        CHECK(w == NULL);
        workspace_open_error(r, slice_of(rows[i].id), text);
        CHECK_TEXT(text, rows[i].text);
    }
    CHECK_INT(k.hub.registry.workspaces.n_entries, 3);
    kit_deinit(&k);
}

CASE(an_empty_anonymous_one_goes_at_once)
{
    struct kit k;
    struct workspace *w;

    kit_init(&k, 1);
    CHECK_INT(open_as(&k, "ws-user-anonymouz-x-1", "nobody", &w), WORKSPACE_OPENED);
    CHECK(w->is_anonymous && !w->is_persistent && w->is_read_only);
    CHECK_TEXT(w->owners[0], "anonymouz-x-1");
    w->n_clients = 1;
    workspace_client_left(&k.hub, w);
    CHECK(workspace_find(&k.hub.registry, SLICE_LIT("ws-user-anonymouz-x-1")) == w);
    w->n_clients = 0;
    workspace_client_left(&k.hub, w);
    CHECK(workspace_find(&k.hub.registry, SLICE_LIT("ws-user-anonymouz-x-1")) == NULL);
    kit_deinit(&k);
}

CASE(grace_is_given_and_cancelled_by_a_guest)
{
    struct kit k;
    struct workspace *w;
    uint64_t later;

    kit_init(&k, 1);
    k.t.config.workspace_unload_grace_period_ms = 80;
    CHECK_INT(open_as(&k, "ws-user-anonymouz-x-1", "nobody", &w), WORKSPACE_OPENED);
    workspace_client_left(&k.hub, w);
    CHECK_INT(open_as(&k, "ws-user-anonymouz-x-1", "nobody", &w), WORKSPACE_OPENED);
    later = loop_now_ms(k.t.loop) + 250;
    TURNS_UNTIL(&k.t, loop_now_ms(k.t.loop) >= later);
    CHECK(workspace_find(&k.hub.registry, SLICE_LIT("ws-user-anonymouz-x-1")) == w);
    workspace_client_left(&k.hub, w);
    CHECK(workspace_find(&k.hub.registry, SLICE_LIT("ws-user-anonymouz-x-1")) == w);
    TURNS_UNTIL(&k.t, workspace_find(&k.hub.registry, SLICE_LIT("ws-user-anonymouz-x-1")) == NULL);
    kit_deinit(&k);
}

static void on_lease_end(struct lease *l, int outcome, struct slice text)
{
    (void)l;
    (void)outcome;
    (void)text;
}

struct refusals {
    unsigned n;
};

static void on_refused(struct connect_request *j)
{
    ++((struct refusals *)j->ask.arg)->n;
    CHECK_INT(j->answer.close_code, HYPHA_CLOSE_GOING_AWAY);
    CHECK_INT(j->answer.outcome, CONNECT_LIMITED);
    CHECK_TEXT(j->answer.text, "Server is shutting down");
    connect_request_free(j);
}

/* What was on its way when the hub closed. A timer would run when its loop ends, which that asserts
 * against. */
CASE(a_hub_that_closes_lets_nobody_in_and_starts_no_timer)
{
    struct kit k;
    struct workspace *w;
    struct lease lease = {0};
    struct refusals refusals = {0};

    kit_init(&k, 1);
    k.t.config.workspace_unload_grace_period_ms = 80;
    CHECK_INT(open_as(&k, "ws-user-anonymouz-x-1", "nobody", &w), WORKSPACE_OPENED);
    k.hub.is_closing = true;
    workspace_client_left(&k.hub, w);
    CHECK(!timer_is_running(&w->unload));
    workspace_visited(&k.hub, w);
    CHECK(!timer_is_running(&w->unload));
    for (int is_http = 0; is_http < 2; is_http++) {
        struct connect_request *j =
            connect_request_new(is_http ? CONNECT_REQUEST : CONNECT_CLIENT, k.hub.process,
                                SLICE_LIT("c"), (struct slice){NULL, 0});
        CHECK(j != NULL);
        j->ask.hub = &k.hub;
        j->ask.asker = k.t.loop;
        j->ask.user = user_new_anonymous("c");
        j->ask.lease = &lease;
        j->ask.lease_end = on_lease_end;
        j->ask.on_answer = on_refused;
        j->ask.arg = &refusals;
        connect_authorize(j);
    }
    TURNS_UNTIL(&k.t, refusals.n == 2);
    CHECK(!lease.loop);
    kit_deinit(&k);
}

CASE(a_record_makes_the_same_workspace)
{
    struct kit k, other;
    struct buf record, again;

    kit_init(&k, 1);
    buf_init(&record, 0);
    buf_init(&again, 0);
    workspace_add_mp(&record, kit_workspace(&k, "ws-a", "bob"), true);
    kit_init(&other, 1);
    CHECK(workspace_load_record(&other.hub, buf_slice(&record)));
    CHECK(workspace_load_record(&other.hub, buf_slice(&record))); /* told twice, it is one */
    struct workspace *w = workspace_find(&other.hub.registry, SLICE_LIT("ws-a"));
    CHECK(w && w->is_persistent);
    workspace_add_mp(&again, w, true);
    CHECK_BYTES(again.ptr, again.len, record.ptr, record.len);
    for (size_t cut = 0; cut < record.len; cut++)
        CHECK(!workspace_load_record(&other.hub, slice_to(buf_slice(&record), cut)));
    CHECK(!workspace_load_record(&other.hub, SLICE_LIT("\x80")));
    CHECK(!workspace_load_record(&other.hub, SLICE_LIT("\x81\xa2id\x05")));
    buf_deinit(&record);
    buf_deinit(&again);
    kit_deinit(&other);
    kit_deinit(&k);
}

/* One HTTP request in a temporary workspace must not keep it for ever. */
CASE(a_visited_empty_workspace_is_not_kept)
{
    struct kit k;
    struct workspace *w, *system;

    kit_init(&k, 1);
    CHECK_INT(open_as(&k, "ws-user-anonymouz-x-1", "nobody", &w), WORKSPACE_OPENED);
    workspace_visited(&k.hub, w);
    CHECK(timer_is_running(&w->unload));
    CHECK_INT(open_as(&k, "ws-user-anonymouz-x-1", "nobody", &w), WORKSPACE_OPENED);
    CHECK(!timer_is_running(&w->unload));
    w->n_clients = 1;
    workspace_visited(&k.hub, w);
    CHECK(!timer_is_running(&w->unload));
    w->n_clients = 0;
    system = workspace_find(&k.hub.registry, SLICE_LIT("public"));
    workspace_visited(&k.hub, system);
    CHECK(!timer_is_running(&system->unload));
    kit_deinit(&k);
}

CASES(RUN(system_workspaces_are_always_there), RUN(ones_own_is_made_on_demand),
      RUN(what_is_not_made_says_why), RUN(an_empty_anonymous_one_goes_at_once),
      RUN(grace_is_given_and_cancelled_by_a_guest),
      RUN(a_hub_that_closes_lets_nobody_in_and_starts_no_timer),
      RUN(a_visited_empty_workspace_is_not_kept), RUN(a_record_makes_the_same_workspace))
