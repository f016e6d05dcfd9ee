#include "auth/revocation.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "auth/user.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/check.h"
#include "harness/own_clock.h"
#include "store/engines.h"

static int64_t now_s(void)
{
    return clock_wall_ms() / 1000;
}

struct world {
    struct loop_set set;
    struct loop *loop;
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

static void world_open(struct world *w)
{
    check_allow_fds(2);
    CHECK_INT(loop_set_init(&w->set, 1), 0);
    w->loop = w->set.loops;
    w->is_done = false;
}

static void world_close(struct world *w)
{
    CHECK_INT(loop_set_start(&w->set), 0);
    loop_set_stop(&w->set);
    loop_set_deinit(&w->set);
}

static void end(struct world *w, struct revocations *r, struct store *s)
{
    revocations_stop(r);
    store_close(s, on_done, w);
    wait_done(w, STORE_OK);
    revocations_free(r);
}

static const struct revocation_limits roomy = {1000, 100, 100};

static void add(struct world *w, struct revocations *r, uint8_t first, int64_t expires_at,
                const char *owner)
{
    uint8_t digest[32] = {first};

    revocation_add(r, &(struct revocation){digest, expires_at, expires_at, slice_of(owner)}, &roomy,
                   on_done, w);
}

static bool has(const struct revocations *r, uint8_t first)
{
    uint8_t digest[32] = {first};

    return revocation_has(r, digest);
}

static struct store *open_file(struct world *w, const char *path)
{
    char error[STORE_ERROR_MAX] = "";
    struct store *s = NULL;

    CHECK_INT(store_open_sqlite(w->loop, path, &s, error), STORE_OK);
    return s;
}

static struct revocations *loaded(struct world *w, struct store *s)
{
    struct revocations *r = revocations_new(w->loop, s);

    revocations_load(r, on_done, w);
    wait_done(w, REVOCATION_OK);
    return r;
}

static void make_file(char path[])
{
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
}

/* req: A-041 */
CASE(a_revoked_token_is_refused_at_once_and_after_a_restart)
{
    char path[] = "/tmp/hyphad-revoked-XXXXXX";
    struct world w;

    make_file(path);
    world_open(&w);
    struct store *s = open_file(&w, path);
    struct revocations *r = loaded(&w, s);
    add(&w, r, 1, now_s() + 500, "user:ada");
    CHECK(has(r, 1)); /* before the store has answered */
    CHECK(!w.is_done);
    CHECK(!has(r, 2));
    wait_done(&w, REVOCATION_OK);
    add(&w, r, 3, now_s() - 1, "user:ada");
    wait_done(&w, REVOCATION_OK);
    revocations_sweep(r);
    CHECK(has(r, 1) && !has(r, 3));
    end(&w, r, s);
    s = open_file(&w, path);
    r = revocations_new(w.loop, s);
    CHECK(!has(r, 1));
    revocations_load(r, on_done, &w);
    wait_done(&w, REVOCATION_OK);
    CHECK(has(r, 1));
    CHECK(!has(r, 2) && !has(r, 3));
    end(&w, r, s);
    world_close(&w);
    CHECK_INT(unlink(path), 0);
}

/* req: A-041 S-82 */
CASE(a_wrong_clock_brings_no_revoked_token_back)
{
    char path[] = "/tmp/hyphad-revoked-XXXXXX";
    struct world w;

    make_file(path);
    world_open(&w);
    struct store *s = open_file(&w, path);
    struct revocations *r = loaded(&w, s);
    add(&w, r, 1, now_s() + 3600, "user:ada");
    wait_done(&w, REVOCATION_OK);
    wall_shift_s = (int64_t)10 * 366 * 24 * 3600;
    revocations_sweep(r);
    CHECK(has(r, 1));
    end(&w, r, s);
    s = open_file(&w, path); /* restarted while it is wrong */
    r = loaded(&w, s);
    revocations_sweep(r);
    wall_shift_s = 0;
    CHECK(has(r, 1));
    mono_shift_ms = 3500 * 1000;
    revocations_sweep(r);
    CHECK(has(r, 1));
    mono_shift_ms = 3700 * 1000; /* the time has passed, but the wall clock is behind */
    revocations_sweep(r);
    CHECK(has(r, 1));
    wall_shift_s = 3700;
    revocations_sweep(r);
    CHECK(!has(r, 1));
    end(&w, r, s);
    wall_shift_s = 0;
    mono_shift_ms = 0;
    world_close(&w);
    CHECK_INT(unlink(path), 0);
}

static void limited(struct world *w, struct revocations *r, uint8_t first, int64_t expires_at,
                    const char *owner, int wanted)
{
    static const struct revocation_limits limits = {30, 4, 2};
    uint8_t digest[32] = {first};

    revocation_add(r,
                   &(struct revocation){digest, expires_at, expires_at + 1000000, slice_of(owner)},
                   &limits, on_done, w);
    wait_done(w, wanted);
}

/* req: S-81 */
CASE(nobody_takes_more_than_their_share)
{
    struct world w;

    world_open(&w);
    struct store *s = store_open_memory(w.loop);
    struct revocations *r = loaded(&w, s);
    int64_t now = now_s();
    for (uint8_t i = 1; i <= 4; i++)
        limited(&w, r, i, now + (i > 2 ? 500 : 0), "user:ada", REVOCATION_OK);
    /* in the place of one that has expired */
    limited(&w, r, 5, now + 500, "user:ada", REVOCATION_OK);
    CHECK(has(r, 1) + has(r, 2) == 1);
    limited(&w, r, 6, now + 500, "user:ada", REVOCATION_OK);
    CHECK(!has(r, 1) && !has(r, 2) && has(r, 3) && has(r, 4) && has(r, 5));
    /* all are good still: none is given up */
    limited(&w, r, 7, now + 500, "user:ada", REVOCATION_FULL);
    CHECK(!has(r, 7) && has(r, 3));
    limited(&w, r, 3, now + 500, "user:ada", REVOCATION_OK); /* again: takes no place */
    limited(&w, r, 8, now + 500, "user:bob", REVOCATION_OK);
    limited(&w, r, 10, now + 500, "ip:192.0.2.1", REVOCATION_OK);
    limited(&w, r, 11, now + 500, "ip:192.0.2.1", REVOCATION_OK);
    limited(&w, r, 12, now + 500, "ip:192.0.2.1", REVOCATION_FULL);
    limited(&w, r, 13, now + 500, "ip:192.0.2.2", REVOCATION_OK);
    /* a tenth of 30 is all of theirs */
    limited(&w, r, 14, now + 500, "ip:192.0.2.3", REVOCATION_FULL);
    limited(&w, r, 15, now + 500, "user:bob", REVOCATION_OK);
    for (uint8_t i = 20; i < 60; i++) {
        char owner[16];
        (void)snprintf(owner, sizeof(owner), "user:%u", i);
        uint8_t digest[32] = {i};
        revocation_add(r, &(struct revocation){digest, now + 500, now + 500, slice_of(owner)},
                       &(struct revocation_limits){30, 4, 2}, NULL, NULL);
    }
    CHECK(has(r, 20) && !has(r, 59) && has(r, 8)); /* 30 of all */
    end(&w, r, s);
    world_close(&w);
}

/* req: S-81 */
CASE(a_login_whose_workers_live_gives_up_its_place_last)
{
    static const struct revocation_limits limits = {30, 2, 2};
    const uint8_t login[32] = {1}, child[32] = {2}, next[32] = {3};
    struct world w;

    world_open(&w);
    struct store *s = store_open_memory(w.loop);
    struct revocations *r = loaded(&w, s);
    int64_t now = now_s();
    const struct revocation in_turn[] = {{login, now - 100, now + 1000000, SLICE_LIT("user:ada")},
                                         {child, now - 1, now + 5, SLICE_LIT("user:ada")},
                                         {next, now + 500, now + 500, SLICE_LIT("user:ada")}};
    for (size_t i = 0; i < ARRAY_LEN(in_turn); i++) {
        revocation_add(r, &in_turn[i], &limits, on_done, &w);
        wait_done(&w, REVOCATION_OK);
    }
    CHECK(has(r, 1) && !has(r, 2) && has(r, 3));
    end(&w, r, s);
    world_close(&w);
}

static struct user by_tokens(uint8_t (*digests)[LINEAGE_DIGEST_BYTES], unsigned n)
{
    return (struct user){.lineage = {.digests = digests, .n = n, .is_known = true}};
}

/* req: A-040 */
CASE(whoever_came_by_a_revoked_token_is_refused)
{
    uint8_t line[][LINEAGE_DIGEST_BYTES] = {{1}, {2}, {3}},
            other[][LINEAGE_DIGEST_BYTES] = {{3}, {4}};
    struct user first = by_tokens(line, 1), child = by_tokens(line, 2),
                grandchild = by_tokens(line, 3);
    struct user stranger = by_tokens(other, 2), root = by_tokens(NULL, 0);
    struct world w;

    world_open(&w);
    struct store *s = store_open_memory(w.loop);
    struct revocations *r = revocations_new(w.loop, s);
    CHECK(!revocation_covers(r, &first) && !revocation_covers(r, &child));
    add(&w, r, 1, now_s() + 500, "user:ada");
    wait_done(&w, REVOCATION_OK);
    CHECK(revocation_covers(r, &first) && revocation_covers(r, &child) &&
          revocation_covers(r, &grandchild));
    CHECK(!revocation_covers(r, &stranger) && !revocation_covers(r, &root));
    end(&w, r, s);
    world_close(&w);
}

CASES(RUN(whoever_came_by_a_revoked_token_is_refused),
      RUN(a_wrong_clock_brings_no_revoked_token_back), RUN(nobody_takes_more_than_their_share),
      RUN(a_login_whose_workers_live_gives_up_its_place_last),
      RUN(a_revoked_token_is_refused_at_once_and_after_a_restart))
