#include "base/account.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "base/slice.h"
#include "harness/check.h"

CASE(a_refused_charge_changes_nothing)
{
    struct account *process = account_new(NULL, ACCOUNT_PROCESS, 100000);
    struct account *user = account_new(process, ACCOUNT_USER, 50000);
    struct account *a = account_new_leaf(user, ACCOUNT_PEER, 0),
                   *b = account_new_leaf(user, ACCOUNT_PEER, 1000);

    CHECK_INT(account_charge(a, 30000), ACCOUNT_OK);
    CHECK_INT(account_charge(b, 1001), ACCOUNT_FULL);
    CHECK_INT(account_used(b), 0);
    CHECK_INT(account_charge(b, 900), ACCOUNT_OK);
    CHECK_INT(account_charge(a, 20001), ACCOUNT_FULL);
    CHECK_INT(account_used(a), 30000);
    account_release(a, 30000);
    account_release(b, 900);
    account_settle(a);
    account_settle(b);
    CHECK_INT(account_used(user), 0);
    CHECK_INT(account_used(process), 0);
    account_unref(a);
    account_unref(b);
    account_unref(user);
    account_unref(process);
}

CASE(rounding_never_refuses_near_a_cap)
{
    struct account *user = account_new(NULL, ACCOUNT_USER, 20000);
    struct account *a = account_new_leaf(user, ACCOUNT_PEER, 0),
                   *b = account_new_leaf(user, ACCOUNT_PEER, 0);

    CHECK_INT(account_charge(a, 100), ACCOUNT_OK);  /* draws a whole grant */
    CHECK_INT(account_charge(b, 3000), ACCOUNT_OK); /* no whole grant is left */
    CHECK_INT(account_refusals(user, ACCOUNT_USER), 0);
    CHECK_INT(account_charge(b, 3000), ACCOUNT_FULL);
    CHECK_INT(account_refusals(user, ACCOUNT_USER), 1);
    account_release(a, 100);
    account_release(b, 3000);
    account_unref(a);
    account_unref(b);
    CHECK_INT(account_used(user), 0);
    account_unref(user);
}

enum { N_THREADS = 4, N_ROUNDS = 20000 };

static void *spender(void *arg)
{
    struct account *a = account_new_leaf(arg, ACCOUNT_PEER, 0);

    for (int i = 0; i < N_ROUNDS; i++) {
        size_t n = (size_t)(i % 5000) + 1;
        if (account_charge(a, n) == ACCOUNT_OK)
            account_release(a, n);
        if (i % 64 == 0)
            account_settle(a);
    }
    account_unref(a);
    return NULL;
}

CASE(threads_leave_the_parent_at_zero)
{
    struct account *user = account_new(NULL, ACCOUNT_USER, 30000);
    pthread_t t[N_THREADS];

    for (int i = 0; i < N_THREADS; i++)
        CHECK(pthread_create(&t[i], NULL, spender, user) == 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(t[i], NULL);
    CHECK_INT(account_used(user), 0);
    account_unref(user);
}

/* ---- against a model: what each thread knows of its own account is so after each step ---- */

enum {
    MODEL_THREADS = 8,
    MODEL_USERS = 2,
    MODEL_ROUNDS = 20,
    MODEL_STEPS = 400,
    MODEL_PARCELS = 16,
    USER_CAP = 300000,
    ROOT_CAP = 500000
};

/* Charged by one thread, released by another. */
struct parcel {
    struct account *account;
    size_t n_bytes;
};

struct model {
    struct account *root, *users[MODEL_USERS], *leaves[MODEL_THREADS];
    /* each its thread's; the first without what lies in parcels */
    size_t used[MODEL_THREADS], kept[MODEL_THREADS];
    _Atomic(struct parcel *) parcels[MODEL_PARCELS];
    pthread_barrier_t barrier;
};

struct worker {
    struct model *m;
    unsigned i;
    uint64_t dice;
};

static size_t roll(struct worker *w, size_t n)
{
    w->dice = w->dice * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(w->dice >> 33) % n;
}

static void deliver(struct parcel *parcel)
{
    if (!parcel)
        return;
    account_release(parcel->account, parcel->n_bytes);
    mem_free(parcel);
}

static void step(struct worker *w)
{
    struct model *m = w->m;
    struct account *leaf = m->leaves[w->i], *user = m->users[w->i % MODEL_USERS];
    size_t n = roll(w, 3) ? roll(w, 400) + 1 : roll(w, 40000) + 1, *used = &m->used[w->i],
           *kept = &m->kept[w->i];

    switch (roll(w, 8)) {
    case 0:
    case 1:
        *used += account_charge(leaf, n) == ACCOUNT_OK ? n : 0;
        break;
    case 2:
        n = *used ? roll(w, *used) + 1 : 0;
        account_release(leaf, n);
        *used -= n;
        break;
    case 3:
        *kept += account_keep(leaf, n) == ACCOUNT_OK ? n : 0;
        break;
    case 4:
        n = *kept ? roll(w, *kept) + 1 : 0;
        account_drop(leaf, n);
        *kept -= n;
        break;
    case 5:
        account_settle(leaf);
        break;
    case 6: /* what is under way is kept from now on */
        n = *used ? roll(w, *used) + 1 : 0;
        account_mark_kept(leaf, n);
        account_mark_used(leaf, n);
        break;
    default:
        if (account_charge(user, n) == ACCOUNT_OK) {
            struct parcel *parcel = MEM_NEW(struct parcel);
            *parcel = (struct parcel){user, n};
            deliver(atomic_exchange(&m->parcels[roll(w, MODEL_PARCELS)], parcel));
        }
    }
    CHECK_INT(account_used(leaf), *used);
    CHECK_INT(account_kept(leaf), *kept);
}

/* Nobody moves: every account is what is charged below it, and below its cap. */
static void check_model(struct model *m)
{
    size_t of_user[MODEL_USERS] = {0}, kept = 0, sum = 0;

    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        of_user[i % MODEL_USERS] += m->used[i] + m->kept[i];
        kept += m->kept[i];
    }
    for (unsigned i = 0; i < MODEL_PARCELS; i++) {
        struct parcel *p = atomic_load(&m->parcels[i]);
        for (unsigned u = 0; p && u < MODEL_USERS; u++)
            of_user[u] += p->account == m->users[u] ? p->n_bytes : 0;
    }
    for (unsigned u = 0; u < MODEL_USERS; u++) {
        size_t own = account_kept(m->users[u]); /* with the records of its leaves */
        size_t have = account_used(m->users[u]) + own;
        CHECK(have >= of_user[u] && have - of_user[u] <= own);
        CHECK(have <= USER_CAP);
        sum += of_user[u];
    }
    size_t root = account_used(m->root) + account_kept(m->root);
    CHECK(root >= sum && root - sum <= account_kept(m->root) - kept);
    CHECK(root <= ROOT_CAP);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct model *m = w->m;

    for (unsigned round = 0; round < MODEL_ROUNDS; round++) {
        for (unsigned i = 0; i < MODEL_STEPS; i++)
            step(w);
        account_settle(m->leaves[w->i]);
        pthread_barrier_wait(&m->barrier);
        if (w->i == round % MODEL_THREADS)
            check_model(m);
        pthread_barrier_wait(&m->barrier);
    }
    account_release(m->leaves[w->i], m->used[w->i]);
    account_drop(m->leaves[w->i], m->kept[w->i]);
    return NULL;
}

CASE(a_tree_of_accounts_is_its_model)
{
    struct model m = {.root = account_new(NULL, ACCOUNT_PROCESS, ROOT_CAP)};
    struct worker workers[MODEL_THREADS];
    pthread_t threads[MODEL_THREADS];

    CHECK_INT(pthread_barrier_init(&m.barrier, NULL, MODEL_THREADS), 0);
    for (unsigned u = 0; u < MODEL_USERS; u++)
        m.users[u] = account_new(m.root, ACCOUNT_USER, USER_CAP);
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        m.leaves[i] = account_new_leaf(m.users[i % MODEL_USERS], ACCOUNT_PEER, 0);
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        workers[i] = (struct worker){&m, i, i * 7919 + 1};
        CHECK_INT(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < MODEL_PARCELS; i++)
        deliver(atomic_load(&m.parcels[i]));
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        account_unref(m.leaves[i]);
    for (unsigned u = 0; u < MODEL_USERS; u++) {
        CHECK_INT(account_used(m.users[u]) + account_kept(m.users[u]), 0);
        account_unref(m.users[u]);
    }
    CHECK_INT(account_used(m.root) + account_kept(m.root), 0);
    account_unref(m.root);
    pthread_barrier_destroy(&m.barrier);
}

static void check_refusal(const struct account *a, const char *rule, const char *text)
{
    struct account_refusal why = account_refusal(a);
    char room[ACCOUNT_REFUSAL_MAX];

    CHECK_TEXT(account_refusal_rule(&why), rule);
    CHECK_TEXT(account_refusal_text(&why, "No room", room), text);
    const char *noted = account_refusal_noted(slice_of(room));
    CHECK_TEXT(noted ? noted : "memory", rule);
}

CASE(a_refusal_names_its_option_however_long_the_sentence)
{
    struct account *root = account_new(NULL, ACCOUNT_PROCESS, 1000);
    struct account_refusal why = account_refusal_by(root);
    char room[ACCOUNT_REFUSAL_MAX], long_text[1000];

    memset(long_text, 0xc3, sizeof(long_text));
    for (size_t i = 1; i < sizeof(long_text); i += 2)
        long_text[i] = (char)0xa9;
    long_text[sizeof(long_text) - 1] = '\0';
    CHECK(slice_is_utf8(slice_of(account_refusal_text(&why, long_text, room))));
    CHECK(slice_ends(slice_of(room), " (--process-bytes, 1000 bytes)"));
    CHECK_TEXT(account_refusal_noted(slice_of(room)), "process-bytes");
    static const char *const others[] = {"",
                                         " bytes)",
                                         "( bytes)",
                                         "(--process-bytes bytes)",
                                         "(--process, 3 bytes)",
                                         "(--process-bytes, 3 bytes) at",
                                         "--process-bytes, 3 bytes)"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        CHECK(!account_refusal_noted(slice_of(others[i])));
    account_unref(root);
}

/* req: S-160 */
CASE(who_is_refused_hears_which_limit)
{
    struct account *root = account_new(NULL, ACCOUNT_PROCESS, 100000),
                   *user = account_new(root, ACCOUNT_USER, 50000);
    struct account *leaf = account_new_leaf(user, ACCOUNT_PEER, 20000);

    CHECK(account_in_the_way(leaf, 10000) == NULL);
    check_refusal(leaf, "memory", "No room (out of memory)"); /* nobody has been refused */
    CHECK_INT(account_charge(leaf, 20001), ACCOUNT_FULL);
    CHECK(account_in_the_way(leaf, 20001) == leaf);
    check_refusal(leaf, "peer-bytes", "No room (--peer-bytes, 20000 bytes)");
    CHECK_INT(account_charge(user, 40000), ACCOUNT_OK);
    CHECK_INT(account_charge(leaf, 15000), ACCOUNT_FULL);
    CHECK(account_in_the_way(leaf, 15000) == user);
    check_refusal(leaf, "user-bytes", "No room (--user-bytes, 50000 bytes)");
    check_refusal(user, "user-bytes", "No room (--user-bytes, 50000 bytes)");
    CHECK_INT(account_charge(root, 55000), ACCOUNT_OK);
    CHECK_INT(account_keep(leaf, 8000), ACCOUNT_FULL);
    CHECK(account_in_the_way(leaf, 8000) == root);
    check_refusal(leaf, "process-bytes", "No room (--process-bytes, 100000 bytes)");
    check_refusal(root, "process-bytes", "No room (--process-bytes, 100000 bytes)");
    account_release(root, 55000);
    /* there is room again: it was that all the same */
    check_refusal(leaf, "process-bytes", "No room (--process-bytes, 100000 bytes)");
    CHECK_INT(account_charge(user, 20000), ACCOUNT_FULL);
    check_refusal(user, "user-bytes", "No room (--user-bytes, 50000 bytes)");
    account_note_exhausted(leaf);
    check_refusal(leaf, "memory", "No room (out of memory)");
    check_refusal(user, "user-bytes", "No room (--user-bytes, 50000 bytes)");
    account_release(user, 40000);
    account_unref(leaf);
    account_unref(user);
    account_unref(root);
}

CASE(who_holds_little_has_the_reserve)
{
    enum { CAP = 8 << 20, RESERVE = 1 << 20 };
    struct account *all = account_new(NULL, ACCOUNT_ANONYMOUS, CAP);
    account_keep_reserve(all);
    struct account *large = account_new(all, ACCOUNT_ANONYMOUS_SHARE, 0),
                   *small = account_new(all, ACCOUNT_ANONYMOUS_SHARE, 0);
    size_t room = CAP - RESERVE - account_kept(all);

    CHECK_INT(account_charge(large, room), ACCOUNT_OK);
    CHECK_INT(account_charge(large, 1), ACCOUNT_FULL);
    CHECK(account_in_the_way(large, 1) == all);
    CHECK_INT(account_charge(small, 100000), ACCOUNT_OK);
    CHECK(account_in_the_way(small, 1000) == NULL);
    CHECK_INT(account_charge(small, 100000), ACCOUNT_FULL); /* no longer little */
    account_release(large, 100000);
    CHECK_INT(account_charge(small, 100000), ACCOUNT_FULL); /* what it has counts too */
    account_release(large, 100000);
    CHECK_INT(account_charge(small, 100000), ACCOUNT_OK);
    account_release(small, 200000);
    account_release(large, room - 200000);
    account_unref(small);
    account_unref(large);
    account_unref(all);
}

/* What stands for nobody has as much as whoever is below it: a person counts with all its
 * workspaces, not by each. */
CASE(a_person_has_much_by_all_that_is_theirs)
{
    enum { CAP = 64 << 20, EIGHTH = CAP / 8 };
    struct account *all = account_new(NULL, ACCOUNT_CLIENTS, CAP);
    account_keep_reserve(all);
    struct account *greedy = account_new(all, ACCOUNT_PERSON, 0),
                   *modest = account_new(all, ACCOUNT_PERSON, 0);
    struct account *first = account_new(greedy, ACCOUNT_WORKSPACE, 0),
                   *second = account_new(greedy, ACCOUNT_WORKSPACE, 0),
                   *other = account_new(modest, ACCOUNT_WORKSPACE, 0);
    struct account *group = account_new(all, ACCOUNT_ANONYMOUS, 0),
                   *stranger = account_new(group, ACCOUNT_ANONYMOUS_SHARE, 0);
    size_t room = CAP - EIGHTH - account_kept(all);

    CHECK_INT(account_charge(first, room), ACCOUNT_OK);
    CHECK_INT(account_charge(second, 1), ACCOUNT_FULL);
    CHECK_TEXT(account_option(account_in_the_way(second, 1)), "--process-bytes");
    CHECK_INT(account_charge(other, 1000000), ACCOUNT_OK);
    CHECK_INT(account_charge(other, 100000), ACCOUNT_FULL);
    /* a small one among many who have much together */
    CHECK_INT(account_charge(stranger, 100000), ACCOUNT_OK);
    CHECK_INT(account_charge(stranger, 100000), ACCOUNT_FULL);
    account_release(first, room);
    account_release(other, 1000000);
    account_release(stranger, 100000);
    struct account *leaves[] = {stranger, group, other, second, first, modest, greedy, all};
    for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
        account_unref(leaves[i]);
}

CASES(RUN(a_person_has_much_by_all_that_is_theirs), RUN(who_is_refused_hears_which_limit),
      RUN(a_refusal_names_its_option_however_long_the_sentence),
      RUN(a_refused_charge_changes_nothing), RUN(rounding_never_refuses_near_a_cap),
      RUN(threads_leave_the_parent_at_zero), RUN(a_tree_of_accounts_is_its_model),
      RUN(who_holds_little_has_the_reserve))
