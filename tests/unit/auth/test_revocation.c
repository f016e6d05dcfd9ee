#include "auth/revocation.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/token.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/check.h"
#include "store/store.h"

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

/* req: A-041 */
CASE(a_revoked_token_is_refused_at_once_and_after_a_restart)
{
    char path[] = "/tmp/hyphad-revoked-XXXXXX", error[STORE_ERROR_MAX] = "";
    uint8_t one[32] = {1}, two[32] = {2}, past[32] = {3};
    int64_t now = clock_wall_ms() / 1000;
    struct store *s;
    struct world w;
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    world_open(&w);
    CHECK_INT(store_open_sqlite(w.loop, path, &s, error), STORE_OK);
    struct revocations *r = revocations_new(w.loop, s);
    revocations_load(r, on_done, &w);
    wait_done(&w, REVOCATION_OK);
    revocation_add(r, one, now + 500, on_done, &w);
    CHECK(revocation_has(r, one));      /* before the store has answered */
    CHECK(!w.is_done);
    CHECK(!revocation_has(r, two));
    wait_done(&w, REVOCATION_OK);
    revocation_add(r, past, now - 1, on_done, &w);
    wait_done(&w, REVOCATION_OK);
    end(&w, r, s);
    CHECK_INT(store_open_sqlite(w.loop, path, &s, error), STORE_OK);
    r = revocations_new(w.loop, s);
    CHECK(!revocation_has(r, one));
    revocations_load(r, on_done, &w);
    wait_done(&w, REVOCATION_OK);
    CHECK(revocation_has(r, one));
    CHECK(!revocation_has(r, two) && !revocation_has(r, past));
    end(&w, r, s);
    world_close(&w);
    CHECK_INT(unlink(path), 0);
}

/* req: A-040 */
CASE(a_reconnection_token_goes_with_the_one_its_login_began_with)
{
    struct token first = {.digest = {1}}, later = {.digest = {2}, .origin = {1}}, other = {.digest = {3}, .origin = {4}};
    int64_t now = clock_wall_ms() / 1000;
    struct world w;

    world_open(&w);
    struct store *s = store_open_memory(w.loop);
    struct revocations *r = revocations_new(w.loop, s);
    CHECK(!revocation_covers(r, &first) && !revocation_covers(r, &later));
    revocation_add(r, first.digest, now + 500, on_done, &w);
    wait_done(&w, REVOCATION_OK);
    CHECK(revocation_covers(r, &first) && revocation_covers(r, &later));
    CHECK(!revocation_covers(r, &other));
    other.is_root = true;
    CHECK(!revocation_covers(r, &other));
    end(&w, r, s);
    world_close(&w);
}

CASES(RUN(a_reconnection_token_goes_with_the_one_its_login_began_with),
      RUN(a_revoked_token_is_refused_at_once_and_after_a_restart))
