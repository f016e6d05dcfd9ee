/* From the first message of a WebSocket to connection_info: who is let in, what is said to others,
 * and that nobody who leaves on the way leaves anything behind. req: W-003 W-024 */
#include "auth/token.h"
#include "unit/peer/house.h"
#include "wire/mp.h"

/* {"type":"error"...} and a close frame with that code. */
static void check_refused(struct house *h, const char *first, const char *text, unsigned code)
{
    struct guest g = house_upgrade(h);
    char close_head[3] = {(char)(code >> 8), (char)code, '\0'};

    guest_says(&g, first);
    GUEST_HEARS(&g, "\"type\":\"error\"");
    GUEST_HEARS(&g, close_head);
    if (!guest_has(&g, text))
        check_fail(__FILE__, __LINE__, "%s: not %s", first, text);
    CHECK(!guest_has(&g, "connection_info"));
    guest_leave(&g);
}

CASE(who_is_let_in_is_told_a_name_that_works)
{
    struct house h;

    house_init(&h);
    struct guest g = house_upgrade(&h);
    CHECK_INT(h.pl.n_logins, 1);
    guest_says(&g, "{\"client_id\":\"c1\"}");
    GUEST_HEARS(&g, "\"reconnection_token\"");
    CHECK(guest_has(&g, "\"type\":\"connection_info\"") &&
          guest_has(&g, "\"manager_id\":\"manager-srv\""));
    CHECK_INT(h.pl.n_logins, 0);
    char *workspace = guest_field(&g, "\"workspace\":\""), name[200];
    CHECK_INT(strncmp(workspace, "ws-user-anonymouz-", 18), 0);
    snprintf(name, sizeof(name), "%s/c1", workspace);
    CHECK(client_find(&h.k.hub.registry, slice_of(name)) != NULL);
    mem_free(workspace);
    guest_leave(&g);
    TURNS_UNTIL(&h.k.t, !client_find(&h.k.hub.registry, slice_of(name)));
    house_deinit(&h);
}

CASE(a_first_message_that_is_none_is_refused)
{
    static const struct {
        const char *first, *text;
        unsigned code;
    } rows[] = {
        {"no json", "Failed to decode authentication information", 1003},
        {"[1]", "Failed to decode authentication information", 1003},
        {"{\"client_id\":\"c1\",\"workspace\":7}", "Failed to decode authentication information",
         1003},
        {"{\"client_id\":\"c1\",\"token\":[]}", "Failed to decode authentication information",
         1003},
        {"{\"client_id\":\"a\\u0000b\"}", "Failed to decode authentication information", 1003},
        {"{}", "Failed to authenticate user to workspace", 1001},
        {"{\"client_id\":8}", "Failed to authenticate user to workspace", 1001},
        {"{\"client_id\":\"a/b\"}", "Invalid client id: a/b", 1008},
        {"{\"client_id\":\"c1\",\"token\":\"nonsense\"}", "Authentication error: ", 1008},
        {"{\"client_id\":\"c1\",\"workspace\":\"ws-none\"}", "does not exist or is not accessible",
         1001},
    };
    struct house h;

    house_init(&h);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_refused(&h, rows[i].first, rows[i].text, rows[i].code);
    CHECK_INT(h.pl.n_logins, 0);
    CHECK_INT(loop_set_sum(&h.k.t.set, METRIC_LOGINS_REFUSED), ARRAY_LEN(rows));
    house_deinit(&h);
}

static void say_hello(struct guest *g, const char *type)
{
    SCRATCH_BUF(message, 0);

    mp_add_map(&message, 2);
    mp_add_text(&message, "type");
    mp_add_text(&message, type);
    mp_add_text(&message, "to");
    mp_add_text(&message, "c1");
    guest_frame(g, 0x82, buf_slice(&message));
}

/* Whoever has not been told a name has nothing to say yet. */
CASE(what_comes_before_the_answer_is_not_kept)
{
    struct house h;

    house_init(&h);
    struct guest g = house_upgrade(&h);
    say_hello(&g, "instead");
    GUEST_HEARS(&g, "Failed to decode authentication information");
    guest_leave(&g);
    g = house_upgrade(&h);
    guest_says(&g, "{\"client_id\":\"c1\"}");
    say_hello(&g, "too-early");
    GUEST_HEARS(&g, "connection_info");
    say_hello(&g, "in-time");
    GUEST_HEARS(&g, "in-time");
    CHECK(!guest_has(&g, "too-early"));
    guest_leave(&g);
    house_deinit(&h);
}

CASE(who_leaves_while_it_is_asked_about_leaves_nothing)
{
    struct house h;

    house_init(&h);
    for (int turns = 0; turns < 4; turns++) {
        struct guest g = house_upgrade(&h);
        guest_says(&g, "{\"client_id\":\"c1\"}");
        for (int i = 0; i < turns; i++)
            turns_run(&h.k.t);
        guest_leave(&g);
        TURNS_UNTIL(&h.k.t, list_is_empty(&h.pl.peers) && h.pl.n_logins == 0 &&
                                h.k.hub.registry.clients.n_entries == 0);
    }
    house_deinit(&h);
}

/* The reconnection token brings back the same client, whoever holds the place. */
CASE(a_reconnection_token_takes_the_place)
{
    struct house h;
    SCRATCH_BUF(first, 0);

    house_init(&h);
    struct guest g = house_upgrade(&h);
    guest_says(&g, "{\"client_id\":\"c1\"}");
    GUEST_HEARS(&g, "\"reconnection_token_life_time\"");
    char *token = guest_field(&g, "\"reconnection_token\":\""),
         *workspace = guest_field(&g, "\"workspace\":\"");
    buf_add_fmt(&first, "{\"client_id\":\"c1\",\"reconnection_token\":\"%s\"}", token);
    struct guest again = house_upgrade(&h);
    guest_frame(&again, 0x81, buf_slice(&first));
    GUEST_HEARS(&again, workspace);
    GUEST_HEARS(&g, "Superseded by a newer connection");
    CHECK_INT(h.k.hub.registry.clients.n_entries, 1);
    mem_free(token);
    mem_free(workspace);
    guest_leave(&g);
    guest_leave(&again);
    house_deinit(&h);
}

/* A place for each login; who finds none waits for one. */
CASE(places_are_counted)
{
    struct house h;

    house_init(&h);
    h.k.t.config.max_concurrent_connections = 1;
    struct guest first = house_upgrade(&h), second = house_connect(&h);
    guest_send_text(&second, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "
                             "websocket\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    TURNS_UNTIL(&h.k.t, h.pl.n_waiting == 1);
    CHECK(!guest_has(&second, "101"));
    guest_says(&first, "{\"client_id\":\"c1\"}");
    GUEST_HEARS(&second, " 101 ");
    CHECK(guest_has(&first, "connection_info"));
    guest_leave(&first);
    guest_leave(&second);
    TURNS_UNTIL(&h.k.t, h.pl.n_logins == 0);
    house_deinit(&h);
}

CASES(RUN(who_is_let_in_is_told_a_name_that_works), RUN(a_first_message_that_is_none_is_refused),
      RUN(what_comes_before_the_answer_is_not_kept),
      RUN(who_leaves_while_it_is_asked_about_leaves_nothing),
      RUN(a_reconnection_token_takes_the_place), RUN(places_are_counted))
