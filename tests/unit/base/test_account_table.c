/* Accounts by name: whoever comes back finds the same cap, and nothing is left of those who do
 * not. */
#include "base/account_table.h"

#include <stdio.h>

#include "harness/check.h"

enum { N = 200 };

static struct account *get(struct account_table *t, unsigned i, struct account *parent)
{
    char name[16];
    int n = snprintf(name, sizeof(name), "ws/%u", i);

    return account_table_get(t, slice_make(name, (size_t)n),
                             &(struct account_terms){parent, ACCOUNT_USER, 1000});
}

CASE(one_name_is_one_account)
{
    struct account *root = account_new(NULL, ACCOUNT_PROCESS, 0),
                   *other = account_new(root, ACCOUNT_WORKSPACE, 0);
    struct account_table t;

    account_table_init(&t);
    struct account *first = get(&t, 1, root), *again = get(&t, 1, root), *second = get(&t, 2, root);
    CHECK(first == again && first != second && first->cap_bytes == 1000 &&
          first->kind == ACCOUNT_USER);
    CHECK_INT(account_charge(first, 600), ACCOUNT_OK);
    CHECK_INT(account_charge(again, 600), ACCOUNT_FULL);
    /* Its workspace was made anew: the name is of another account, the old one lives while it is
     * held. */
    struct account *moved = get(&t, 1, other);
    CHECK(moved != first && moved->parent == other);
    CHECK_INT(account_used(first), 600);
    account_release(first, 600);
    account_unref(first);
    account_unref(again);
    account_unref(second);
    account_table_deinit(&t);
    CHECK_INT(account_charge(moved, 1000), ACCOUNT_OK); /* outlives the table */
    account_release(moved, 1000);
    account_unref(moved);
    account_unref(other);
    CHECK_INT(account_used(root) + account_kept(root), 0);
    account_unref(root);
}

CASE(a_sweep_takes_all_that_nobody_holds_and_no_other)
{
    struct account *root = account_new(NULL, ACCOUNT_PROCESS, 0),
                   *payer = account_new(root, ACCOUNT_OWN, 0), *held[N] = {NULL};
    struct account_table t;
    size_t before = account_kept(payer), most;

    account_table_init(&t);
    account_table_pay(&t, payer);
    for (unsigned i = 0; i < N; i++)
        held[i] = get(&t, i, root);
    most = account_kept(payer);
    CHECK(most > before + N * 16); /* entries are paid for */
    for (unsigned i = 0; i < N; i++) {
        if (i % 3)
            held[i] = account_unref(held[i]);
    }
    /* those that move while it removes are not passed over */
    account_table_sweep(&t, N);
    CHECK_INT(t.entries.n_entries, (N + 2) / 3);
    for (unsigned i = 0; i < N; i += 3) {
        CHECK(get(&t, i, root) == held[i]);
        account_unref(held[i]);
    }
    /* Some at a time it comes round, too. */
    for (unsigned i = 0; i < N; i += 3)
        account_unref(held[i]);
    for (int i = 0; i < 50 && t.entries.n_entries; i++)
        account_table_sweep(&t, 5);
    CHECK_INT(t.entries.n_entries, 0);
    account_table_deinit(&t);
    CHECK_INT(account_kept(payer), before);
    account_unref(payer);
    CHECK_INT(account_used(root) + account_kept(root), 0);
    account_unref(root);
}

CASES(RUN(one_name_is_one_account), RUN(a_sweep_takes_all_that_nobody_holds_and_no_other))
