#include "auth/blocks.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/user.h"
#include "auth/user_make.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/check.h"
#include "harness/own_clock.h"
#include "store/engines.h"
#include "wire/ip.h"

struct world {
    struct loop_set set;
    struct loop *loop;
    struct store *store;
    struct blocks *blocks;
    char path[64];
    int64_t now_s; /* at a start; 0 = the wall's */
    int outcome;
    bool is_done;
};

static void on_done(int outcome, void *arg)
{
    struct world *w = arg;

    w->outcome = outcome;
    w->is_done = true;
}

static void wait_done(struct world *w, int wanted)
{
    while (!w->is_done) {
        (void)uv_run(&w->loop->uv, UV_RUN_NOWAIT);
        sched_yield();
    }
    CHECK_INT(w->outcome, wanted);
    w->is_done = false;
}

static void start(struct world *w)
{
    char error[STORE_ERROR_MAX] = "";

    CHECK_INT(store_open_sqlite(w->loop, w->path, &w->store, error), STORE_OK);
    w->blocks = blocks_new(w->loop, w->store);
    blocks_load(w->blocks, w->now_s ? w->now_s : clock_wall_ms() / 1000, on_done, w);
    wait_done(w, BLOCK_OK);
}

static void end(struct world *w)
{
    blocks_stop(w->blocks);
    store_close(w->store, on_done, w);
    wait_done(w, STORE_OK);
    blocks_free(w->blocks);
}

static void world_open(struct world *w)
{
    check_allow_fds(2);
    *w = (struct world){.path = "/tmp/hyphad-blocks-XXXXXX"};
    int fd = mkstemp(w->path);
    CHECK(fd >= 0);
    close(fd);
    CHECK_INT(loop_set_init(&w->set, 1), 0);
    w->loop = w->set.loops;
    start(w);
}

static void world_close(struct world *w)
{
    end(w);
    CHECK_INT(loop_set_start(&w->set), 0);
    loop_set_stop(&w->set);
    loop_set_deinit(&w->set);
    CHECK_INT(unlink(w->path), 0);
}

static void add(struct world *w, enum block_kind kind, const char *subject, int64_t expires_at)
{
    struct block block = {.kind = kind,
                          .expires_at = expires_at,
                          .subject = slice_of(subject),
                          .reason = SLICE_LIT("spam")};

    CHECK(block_add(w->blocks, &block, 3, on_done, w));
    wait_done(w, BLOCK_OK);
}

static bool is_out(struct world *w, const char *id, const char *parent)
{
    struct user *u = user_new(slice_of(id));

    if (parent)
        u->parent = mem_copy(parent, strlen(parent));
    const struct block *block = block_of_user(w->blocks, u);
    CHECK(!block || slice_is(block->reason, "spam"));
    user_unref(u);
    return block != NULL;
}

static bool is_out_there(struct world *w, const char *address)
{
    struct in6_addr ip;

    CHECK(ip_parse(address, &ip));
    return block_of_address(w->blocks, &ip) != NULL;
}

/* req: D-11, S-42 */
CASE(a_block_holds_for_children_and_after_a_restart)
{
    int64_t now = clock_wall_ms() / 1000;
    struct world w;

    world_open(&w);
    add(&w, BLOCK_USER, "dave", now + 500);
    add(&w, BLOCK_ADDRESS, "192.0.2.7", 0);
    for (int i = 0; i < 2; i++) {
        CHECK(is_out(&w, "dave", NULL));
        CHECK(is_out(&w, "child-1", "dave"));
        CHECK(!is_out(&w, "erin", NULL));
        CHECK(!is_out(&w, "192.0.2.7", NULL)); /* an address is no user of that name */
        CHECK(is_out_there(&w, "192.0.2.7") && is_out_there(&w, "::ffff:192.0.2.7"));
        CHECK(!is_out_there(&w, "192.0.2.8"));
        if (i == 0) {
            end(&w);
            start(&w);
        }
    }
    world_close(&w);
}

/* req: S-42 */
CASE(an_expired_or_lifted_block_holds_nobody)
{
    int64_t now = clock_wall_ms() / 1000;
    struct world w;
    size_t cursor = 0;

    world_open(&w);
    add(&w, BLOCK_USER, "dave", now - 1);
    CHECK(!is_out(&w, "dave", NULL));
    CHECK(!blocks_next(w.blocks, &cursor));
    add(&w, BLOCK_USER, "dave", now + 500);
    CHECK(is_out(&w, "dave", NULL));
    block_remove(w.blocks, BLOCK_USER, SLICE_LIT("dave"), on_done, &w);
    CHECK(!is_out(&w, "dave", NULL)); /* before the store has answered */
    wait_done(&w, BLOCK_OK);
    block_remove(w.blocks, BLOCK_USER, SLICE_LIT("nobody"), on_done, &w);
    wait_done(&w, BLOCK_OK);
    end(&w);
    start(&w);
    CHECK(!is_out(&w, "dave", NULL));
    world_close(&w);
}

/* Of a record that names one address of IPv6 the network is blocked, and lifting it is for good.
 * req: A-203 */
CASE(of_ipv6_a_network_is_blocked)
{
    struct world w;

    world_open(&w);
    add(&w, BLOCK_ADDRESS, "2001:db8::7", 0); /* as it was stored once */
    end(&w);
    start(&w);
    end(&w);
    start(&w);
    CHECK(is_out_there(&w, "2001:db8::7") && is_out_there(&w, "2001:db8::ffff:1"));
    CHECK(!is_out_there(&w, "2001:db8:0:1::7") && !is_out_there(&w, "192.0.2.7"));
    block_remove(w.blocks, BLOCK_ADDRESS, SLICE_LIT("2001:db8::/64"), on_done, &w);
    wait_done(&w, BLOCK_OK);
    end(&w);
    start(&w);
    CHECK(!is_out_there(&w, "2001:db8::7"));
    world_close(&w);
}

/* req: S-106 */
CASE(a_wrong_clock_ends_no_block_early)
{
    int64_t now = clock_wall_ms() / 1000;
    struct world w;

    world_open(&w);
    add(&w, BLOCK_USER, "dave", now + 500);
    wall_shift_s = 7200;
    CHECK(is_out(&w, "dave", NULL));
    w.now_s = now; /* what the server was last sure of */
    end(&w);
    start(&w);
    CHECK(is_out(&w, "dave", NULL));
    wall_shift_s = 0;
    mono_shift_ms = 490 * 1000;
    CHECK(is_out(&w, "dave", NULL));
    mono_shift_ms = 510 * 1000;
    CHECK(!is_out(&w, "dave", NULL));
    mono_shift_ms = 0;
    world_close(&w);
}

CASE(there_is_an_end_to_blocks)
{
    struct world w;
    size_t cursor = 0, n = 0;

    world_open(&w);
    add(&w, BLOCK_USER, "a", 0);
    add(&w, BLOCK_USER, "b", 0);
    add(&w, BLOCK_USER, "c", 0);
    struct block one_more = {
        .kind = BLOCK_USER, .subject = SLICE_LIT("d"), .reason = SLICE_LIT("spam")};
    CHECK(!block_add(w.blocks, &one_more, 3, on_done, &w));
    CHECK(!is_out(&w, "d", NULL));
    add(&w, BLOCK_USER, "c", 0); /* replacing is no growth */
    while (blocks_next(w.blocks, &cursor))
        n++;
    CHECK_INT(n, 3);
    world_close(&w);
}

CASES(RUN(a_block_holds_for_children_and_after_a_restart),
      RUN(an_expired_or_lifted_block_holds_nobody), RUN(a_wrong_clock_ends_no_block_early),
      RUN(of_ipv6_a_network_is_blocked), RUN(there_is_an_end_to_blocks))
