#include "login/password.h"

#include <string.h>
#include <time.h>

#include "harness/check.h"
#include "loop/loop.h"

struct world {
    struct loop_set set;
    struct loop *loop;
    struct passwords *passwords;
    int outcomes[8];
    size_t n_done;
    char hash[PASSWORD_HASH_MAX];
};

static void on_done(int outcome, const char *hash, void *arg)
{
    struct world *w = arg;

    w->outcomes[w->n_done++] = outcome;
    if (*hash)
        strcpy(w->hash, hash);
}

static void world_open(struct world *w, unsigned max_running, unsigned max_waiting)
{
    memset(w, 0, sizeof(*w));
    check_allow_fds(2);
    CHECK_INT(loop_set_init(&w->set, 1), 0);
    w->loop = w->set.loops;
    w->loop->thread = pthread_self();
    w->passwords = passwords_new(w->loop, max_running, max_waiting);
}

static void world_close(struct world *w)
{
    passwords_free(w->passwords);
    CHECK_INT(loop_set_start(&w->set), 0);
    loop_set_stop(&w->set);
    loop_set_deinit(&w->set);
}

static void wait_done(struct world *w, size_t n)
{
    while (w->n_done < n)
        (void)uv_run(&w->loop->uv, UV_RUN_ONCE);
    w->n_done = 0;
}

/* CPU time of the process: a busy machine does not change it. */
static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t check_ns(struct world *w, const char *password, const char *hash, int wanted)
{
    uint64_t began = cpu_ns();

    password_check(w->passwords, slice_of(password), hash, on_done, w);
    wait_done(w, 1);
    CHECK_INT(w->outcomes[0], wanted);
    return cpu_ns() - began;
}

/* req: A-194, D-24 */
CASE(a_hash_is_argon2id_with_a_salt_of_its_own)
{
    struct world w;
    char first[PASSWORD_HASH_MAX];

    world_open(&w, 2, 8);
    password_hash(w.passwords, SLICE_LIT("correct horse"), on_done, &w);
    wait_done(&w, 1);
    CHECK_INT(w.outcomes[0], PASSWORD_OK);
    CHECK(strncmp(w.hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31) == 0);
    strcpy(first, w.hash);
    password_hash(w.passwords, SLICE_LIT("correct horse"), on_done, &w);
    wait_done(&w, 1);
    CHECK(strcmp(first, w.hash) != 0);
    (void)check_ns(&w, "correct horse", first, PASSWORD_OK);
    (void)check_ns(&w, "correct horse", w.hash, PASSWORD_OK);
    (void)check_ns(&w, "Correct horse", w.hash, PASSWORD_WRONG);
    (void)check_ns(&w, "", w.hash, PASSWORD_WRONG);
    (void)check_ns(&w, "correct horse", "$argon2id$nonsense", PASSWORD_WRONG);
    world_close(&w);
}

/* Half: what the machine adds must not fail this, a check that costs nothing must. */
CASE(nobody_is_refused_in_the_time_of_somebody)
{
    struct world w;
    uint64_t somebody = UINT64_MAX, none = UINT64_MAX;

    world_open(&w, 2, 8);
    password_hash(w.passwords, SLICE_LIT("correct horse"), on_done, &w);
    wait_done(&w, 1);
    for (int i = 0; i < 3; i++) {
        uint64_t a = check_ns(&w, "wrong", w.hash, PASSWORD_WRONG);
        uint64_t b = check_ns(&w, "wrong", NULL, PASSWORD_WRONG);

        somebody = a < somebody ? a : somebody;
        none = b < none ? b : none;
    }
    CHECK(none > somebody / 2 && somebody > none / 2);
    world_close(&w);
}

CASE(a_full_line_refuses_at_once)
{
    struct world w;

    world_open(&w, 1, 2);
    for (int i = 0; i < 4; i++)
        password_hash(w.passwords, SLICE_LIT("12345678"), on_done, &w);
    CHECK_INT(w.n_done, 1);
    CHECK_INT(w.outcomes[0], PASSWORD_BUSY);
    wait_done(&w, 4);
    for (int i = 1; i < 4; i++)
        CHECK_INT(w.outcomes[i], PASSWORD_OK);
    world_close(&w);
}

CASE(closing_tells_everybody_once)
{
    struct world w;

    world_open(&w, 1, 2);
    for (int i = 0; i < 3; i++)
        password_hash(w.passwords, SLICE_LIT("12345678"), on_done, &w);
    passwords_free(w.passwords);
    w.passwords = NULL;
    CHECK_INT(w.n_done, 3);
    for (int i = 0; i < 3; i++)
        CHECK_INT(w.outcomes[i], PASSWORD_FAILED);
    world_close(&w);
    CHECK_INT(w.n_done, 3);
}

CASES(RUN(a_hash_is_argon2id_with_a_salt_of_its_own),
      RUN(nobody_is_refused_in_the_time_of_somebody), RUN(a_full_line_refuses_at_once),
      RUN(closing_tells_everybody_once))
