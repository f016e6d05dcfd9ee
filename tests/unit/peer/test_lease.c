/* Leases: what a closing covers, on every loop, and what the clock ends. req: S-72 */
#include "base/clock.h"
#include "peer/closing.h"
#include "peer/connect_request.h"
#include "peer/lease.h"
#include "unit/peer/peer_kit.h"
#include "wire/ip.h"

enum { N = 6 };

struct opened {
    struct lease lease;
    int outcome; /* -1: open */
    char text[64];
};

struct scene {
    struct kit k;
    struct user *users[N];
    struct opened opened[N];
};

static void on_end(struct lease *l, int outcome, struct slice text)
{
    struct opened *o = CONTAINER_OF(l, struct opened, lease);

    CHECK_INT(o->outcome, -1);
    o->outcome = outcome;
    snprintf(o->text, sizeof(o->text), SLICE_FMT, SLICE_ARG(text));
    lease_close(l);
}

static struct in6_addr address(const char *text)
{
    struct in6_addr ip;

    CHECK(ip_parse(text, &ip));
    return ip;
}

static uint8_t *digest(uint8_t seed)
{
    static uint8_t bytes[32];

    memset(bytes, seed, sizeof(bytes));
    return bytes;
}

/* bob, two children of his tokens, root, ada, and somebody not known yet; the last two from another
 * place. */
static void scene_init(struct scene *s)
{
    static const char *const ids[N] = {"bob", "child-1", "child-2", "root", "ada", NULL};

    kit_init(&s->k, 2);
    for (unsigned i = 0; i < N; i++) {
        struct user *u = ids[i] ? kit_user(ids[i], "") : NULL;
        s->users[i] = u;
        s->opened[i] = (struct opened){.outcome = -1};
        if (u && i < 3)
            lineage_add(&u->lineage, digest(1));
        if (i == 1 || i == 2) {
            u->parent = mem_copy("bob", 3);
            lineage_add(&u->lineage, digest((uint8_t)(10 + i)));
        }
        lease_open(&s->k.hub, &s->k.t.set.loops[i % 2], &s->opened[i].lease,
                   &(struct lease_terms){.user = u,
                                         .address = address(i < 4 ? "10.0.0.1" : "10.0.0.2"),
                                         .end = on_end});
    }
}

static void scene_deinit(struct scene *s)
{
    for (unsigned i = 0; i < N; i++) {
        lease_close(&s->opened[i].lease);
        user_unref(s->users[i]);
    }
    kit_deinit(&s->k);
}

/* ended: one letter for each, x = it has ended with that outcome. */
static void check(struct scene *s, const char *ended, int outcome)
{
    for (unsigned turn = 0; turn < 4; turn++)
        turns_run(&s->k.t);
    for (unsigned i = 0; i < N; i++)
        CHECK_INT(s->opened[i].outcome, ended[i] == 'x' ? outcome : -1);
}

CASE(a_token_ends_what_descends_from_it)
{
    struct scene s;
    struct closing c = {
        .kind = CLOSING_TOKEN, .digest = digest(12), .reason = SLICE_LIT("revoked")};

    scene_init(&s);
    closing_send(&s.k.hub, &c);
    check(&s, "..x...", CONNECT_TOKEN_ERROR);
    CHECK_TEXT(s.opened[2].text, "revoked");
    s.opened[0].lease.client = c.except = SLICE_LIT("ws-a/asker");
    c.digest = digest(1);
    closing_send(&s.k.hub, &c);
    check(&s, ".xx...", CONNECT_TOKEN_ERROR);
    c.except = SLICE_LIT("");
    closing_send(&s.k.hub, &c);
    check(&s, "xxx...", CONNECT_TOKEN_ERROR);
    scene_deinit(&s);
}

CASE(a_block_ends_a_person_or_a_place)
{
    struct scene s;

    scene_init(&s);
    closing_send(&s.k.hub, &(struct closing){.kind = CLOSING_USER,
                                             .user = SLICE_LIT("child-1"),
                                             .reason = SLICE_LIT("no")});
    check(&s, ".x....", CONNECT_BLOCKED);
    closing_send(&s.k.hub, &(struct closing){.kind = CLOSING_USER,
                                             .user = SLICE_LIT("bob"),
                                             .reason = SLICE_LIT("no")});
    check(&s, "xxx...", CONNECT_BLOCKED);
    closing_send(&s.k.hub, &(struct closing){.kind = CLOSING_ADDRESS,
                                             .network = address("10.0.0.1"),
                                             .reason = SLICE_LIT("no")});
    check(&s, "xxx...", CONNECT_BLOCKED); /* root comes in from anywhere */
    closing_send(&s.k.hub, &(struct closing){.kind = CLOSING_ADDRESS,
                                             .network = address("10.0.0.2"),
                                             .reason = SLICE_LIT("no")});
    check(&s, "xxx.xx", CONNECT_BLOCKED);
    scene_deinit(&s);
}

CASE(a_token_that_expires_ends_what_it_has_opened)
{
    struct scene s;
    struct opened late = {.outcome = -1}, good = {.outcome = -1};
    struct lease_terms terms = {.end = on_end};

    scene_init(&s);
    terms.expires_at = clock_wall_ms() / 1000;
    lease_open(&s.k.hub, s.k.t.loop, &late.lease, &terms);
    terms.expires_at += 3600;
    lease_open(&s.k.hub, s.k.t.loop, &good.lease, &terms);
    TURNS_UNTIL(&s.k.t, late.outcome != -1);
    CHECK_INT(late.outcome, CONNECT_TOKEN_ERROR);
    CHECK_INT(good.outcome, -1);
    lease_close(&good.lease);
    lease_close(&good.lease);
    scene_deinit(&s);
}

CASES(RUN(a_token_ends_what_descends_from_it), RUN(a_block_ends_a_person_or_a_place),
      RUN(a_token_that_expires_ends_what_it_has_opened))
