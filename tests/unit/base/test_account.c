#include "base/account.h"

#include <pthread.h>

#include "harness/check.h"

CASE(a_refused_charge_changes_nothing)
{
    struct account *process = account_new(NULL, ACCOUNT_PROCESS, 100000);
    struct account *user = account_new(process, ACCOUNT_USER, 50000);
    struct account *a = account_new_leaf(user, ACCOUNT_PEER, 0), *b = account_new_leaf(user, ACCOUNT_PEER, 1000);

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
    struct account *a = account_new_leaf(user, ACCOUNT_PEER, 0), *b = account_new_leaf(user, ACCOUNT_PEER, 0);

    CHECK_INT(account_charge(a, 100), ACCOUNT_OK);      /* draws a whole grant */
    CHECK_INT(account_charge(b, 3000), ACCOUNT_OK);     /* no whole grant is left */
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

CASES(RUN(a_refused_charge_changes_nothing), RUN(rounding_never_refuses_near_a_cap), RUN(threads_leave_the_parent_at_zero))
