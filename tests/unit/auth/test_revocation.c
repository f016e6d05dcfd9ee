#include "auth/revocation.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/user.h"
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

static struct user by_tokens(uint8_t (*digests)[LINEAGE_DIGEST_BYTES], unsigned n)
{
    return (struct user){.lineage = {.digests = digests, .n = n, .is_known = true}};
}

/* req: A-040 */
CASE(whoever_came_by_a_revoked_token_is_refused)
{
    uint8_t login[32] = {1}, line[][LINEAGE_DIGEST_BYTES] = {{1}, {2}, {3}}, other[][LINEAGE_DIGEST_BYTES] = {{3}, {4}};
    struct user first = by_tokens(line, 1), child = by_tokens(line, 2), grandchild = by_tokens(line, 3);
    struct user stranger = by_tokens(other, 2), root = by_tokens(NULL, 0);
    int64_t now = clock_wall_ms() / 1000;
    struct world w;

    world_open(&w);
    struct store *s = store_open_memory(w.loop);
    struct revocations *r = revocations_new(w.loop, s);
    CHECK(!revocation_covers(r, &first) && !revocation_covers(r, &child));
    revocation_add(r, login, now + 500, on_done, &w);
    wait_done(&w, REVOCATION_OK);
    CHECK(revocation_covers(r, &first) && revocation_covers(r, &child) && revocation_covers(r, &grandchild));
    CHECK(!revocation_covers(r, &stranger) && !revocation_covers(r, &root));
    end(&w, r, s);
    world_close(&w);
}

CASES(RUN(whoever_came_by_a_revoked_token_is_refused),
      RUN(a_revoked_token_is_refused_at_once_and_after_a_restart))
