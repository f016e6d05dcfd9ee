/* HTTP streams down to the bytes: who opens one, who may post for it, and what an end leaves
 * behind. req: S-71 W-090 */
#include "auth/token.h"
#include "unit/peer/house.h"
#include "wire/mp.h"

/* Opens GET /rpc?QUERY; headers: more of them, each with its end of line. */
static struct guest open_stream(struct house *h, const char *query, const char *headers)
{
    struct guest g = house_connect(h);
    SCRATCH_BUF(head, 0);

    buf_add_fmt(&head, "GET /rpc?%s HTTP/1.1\r\nHost: x\r\n%s\r\n", query, headers);
    guest_send(&g, buf_slice(&head));
    GUEST_HEARS(&g, "HTTP/1.1 ");
    return g;
}

static struct guest open_good(struct house *h, const char *query, const char *headers)
{
    struct guest g = open_stream(h, query, headers);

    GUEST_HEARS(&g, "reconnection_token_life_time");
    CHECK(guest_has(&g, "HTTP/1.1 200 ") && guest_has(&g, "connection_info"));
    return g;
}

static void add_hello(struct buf *b, const char *type, const char *to)
{
    mp_add_map(b, 2);
    mp_add_text(b, "type");
    mp_add_text(b, type);
    mp_add_text(b, "to");
    mp_add_text(b, to);
}

/* The status of a POST /rpc of that client. */
static int post(struct house *h, const char *query, const char *headers, struct slice body)
{
    struct guest g = house_connect(h);
    SCRATCH_BUF(text, 0);
    int status;

    buf_add_fmt(&text, "POST /rpc?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n", query,
                body.len, headers);
    buf_add_slice(&text, body);
    guest_send(&g, buf_slice(&text));
    GUEST_HEARS(&g, "\r\n\r\n");
    status = atoi((const char *)g.got.ptr + strlen("HTTP/1.1 "));
    guest_leave(&g);
    return status;
}

static int post_hello(struct house *h, const char *query, const char *headers, const char *type)
{
    SCRATCH_BUF(body, 0);

    add_hello(&body, type, "s1");
    return post(h, query, headers, buf_slice(&body));
}

/* A login token of that user; the caller frees it. */
static char *login_of(struct house *h, const char *id)
{
    struct user *u = kit_user(id, "");
    char *text;

    scope_grant(&u->scope, id, PERMISSION_ADMIN);
    text = token_mint(h->k.hub.keys, u, &u->scope, 1000);
    CHECK(text != NULL);
    user_unref(u);
    return text;
}

CASE(a_stream_of_nobody_is_known_by_its_cookie)
{
    struct house h;
    char query[300], cookie[200], other[200];

    house_init(&h);
    struct guest g = open_good(&h, "client_id=s1", "");
    char *jar;
    void *value;
    size_t first = 0;
    CHECK(map_next(&h.k.hub.registry.clients, &first, NULL, &value));
    const char *workspace = ((struct client *)value)->workspace->id;
    const char *at = memmem(g.got.ptr, g.got.len, "set-cookie: ", 12);
    CHECK(at != NULL && guest_has(&g, "HttpOnly; SameSite=Strict"));
    at += strlen("set-cookie: ");
    jar = mem_copy(at, strcspn(at, ";"));
    snprintf(query, sizeof(query), "client_id=s1&workspace=%s", workspace);
    snprintf(cookie, sizeof(cookie), "Cookie: %s\r\n", jar);
    snprintf(other, sizeof(other), "Cookie: %s\r\n", jar);
    other[strlen(other) - 3] ^= 1;
    /* Before it has shown that it keeps cookies, the address will do; afterwards not. */
    CHECK_INT(post_hello(&h, query, "", "by-address"), 200);
    GUEST_HEARS(&g, "by-address");
    CHECK_INT(post_hello(&h, query, cookie, "by-cookie"), 200);
    GUEST_HEARS(&g, "by-cookie");
    CHECK_INT(post_hello(&h, query, "", "no-more"), 403);
    CHECK_INT(post_hello(&h, query, other, "no-more"), 403);
    CHECK_INT(post(&h, query, cookie, SLICE_LIT("\xc1")), 400);
    CHECK_INT(post_hello(&h, "workspace=nowhere&client_id=s1", cookie, "no-more"), 400);
    CHECK(!guest_has(&g, "no-more"));
    mem_free(jar);
    guest_leave(&g);
    TURNS_UNTIL(&h.k.t, h.k.hub.registry.clients.n_entries == 0);
    house_deinit(&h);
}

/* That very token, and no other of the same user. */
CASE(a_stream_of_a_token_is_known_by_that_token)
{
    struct house h;
    char one[1200], two[1200];

    house_init(&h);
    char *first = login_of(&h, "bob"), *second;
    struct user *u = kit_user("bob", "");
    scope_grant(&u->scope, "bob", PERMISSION_ADMIN);
    second = token_mint(h.k.hub.keys, u, &u->scope, 2000);
    user_unref(u);
    snprintf(one, sizeof(one), "Authorization: Bearer %s\r\n", first);
    snprintf(two, sizeof(two), "Authorization: Bearer %s\r\n", second);
    struct guest g = open_good(&h, "client_id=s1", one);
    CHECK(!guest_has(&g, "set-cookie"));
    CHECK_INT(post_hello(&h, "client_id=s1&workspace=ws-user-bob", one, "by-token"), 200);
    GUEST_HEARS(&g, "by-token");
    CHECK_INT(post_hello(&h, "client_id=s1", one, "at-home"), 200);
    GUEST_HEARS(&g, "at-home");
    CHECK_INT(post_hello(&h, "client_id=s1", two, "no-more"), 403);
    CHECK_INT(post_hello(&h, "client_id=s1&workspace=ws-user-bob", "", "no-more"), 403);
    CHECK(!guest_has(&g, "no-more"));
    mem_free(first);
    mem_free(second);
    guest_leave(&g);
    house_deinit(&h);
}

CASE(who_may_not_open_one_hears_why)
{
    static const struct {
        const char *query, *headers, *status, *text;
    } rows[] = {
        {"client_id=s1&workspace=ws-none", "", " 404 ", "does not exist or is not accessible"},
        {"client_id=a/b", "", " 403 ", "Invalid client id: a/b"},
        {"client_id=s1&workspace=public", "", " 403 ", "Permission denied for workspace: public"},
        {"client_id=s1", "Authorization: Bearer nonsense\r\n", " 401 ", "The server is not ready"},
    };
    struct house h;

    house_init(&h);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct guest g = open_stream(&h, rows[i].query, rows[i].headers);
        GUEST_HEARS(&g, rows[i].status);
        GUEST_HEARS(&g, rows[i].text);
        CHECK(!guest_has(&g, "Failed to establish"));
        guest_leave(&g);
    }
    TURNS_UNTIL(&h.k.t, h.pl.n_logins == 0 && h.k.hub.registry.clients.n_entries == 0);
    house_deinit(&h);
}

/* Of the same user a stream gives way, and its response ends. */
CASE(the_same_user_comes_again)
{
    struct house h;
    char header[1200];

    house_init(&h);
    char *token = login_of(&h, "bob");
    snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", token);
    struct guest first = open_good(&h, "client_id=s1", header),
                 second = open_good(&h, "client_id=s1", header);
    GUEST_HEARS(&first, "\r\n0\r\n\r\n");
    CHECK_INT(h.k.hub.registry.clients.n_entries, 1);
    CHECK_INT(post_hello(&h, "client_id=s1", header, "to-the-new"), 200);
    GUEST_HEARS(&second, "to-the-new");
    CHECK(!guest_has(&first, "to-the-new"));
    mem_free(token);
    guest_leave(&first);
    guest_leave(&second);
    house_deinit(&h);
}

CASE(who_leaves_while_it_is_asked_about_leaves_nothing)
{
    struct house h;

    house_init(&h);
    for (int turns = 0; turns < 4; turns++) {
        struct guest g = house_connect(&h);
        guest_send_text(&g, "GET /rpc?client_id=s1 HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < turns; i++)
            turns_run(&h.k.t);
        guest_leave(&g);
        TURNS_UNTIL(&h.k.t, list_is_empty(&h.pl.peers) && h.pl.n_logins == 0 &&
                                h.k.hub.registry.clients.n_entries == 0 && h.hl.n_conns == 0);
    }
    house_deinit(&h);
}

CASES(RUN(a_stream_of_nobody_is_known_by_its_cookie),
      RUN(a_stream_of_a_token_is_known_by_that_token), RUN(who_may_not_open_one_hears_why),
      RUN(the_same_user_comes_again), RUN(who_leaves_while_it_is_asked_about_leaves_nothing))
