#include "base/msg.h"

#include "harness/check.h"

CASE(the_last_reference_returns_every_charge)
{
    struct account *a = account_new(NULL, ACCOUNT_USER, 0);
    struct blob *blob = blob_try_new(1000, a);
    struct msg *m = msg_try_new(20, a);

    msg_set_tail(m, blob, slice_make(blob->data + 10, 900));
    blob = blob_unref(blob);
    CHECK(msg_len(m) == 920);
    CHECK(account_used(a) > 1020);
    msg_ref(m);
    msg_unref(m);
    CHECK(account_used(a) > 1020);
    msg_unref(m);
    CHECK_INT(account_used(a), 0);
    account_unref(a);
}

CASE(a_refusal_is_null)
{
    struct account *a = account_new(NULL, ACCOUNT_USER, 500);

    CHECK(blob_try_new(1000, a) == NULL);
    CHECK(msg_try_new(1000, a) == NULL);
    CHECK(blob_try_new(SIZE_MAX - 4, a) == NULL);
    CHECK_INT(account_used(a), 0);
    account_unref(a);
}

CASES(RUN(the_last_reference_returns_every_charge), RUN(a_refusal_is_null))
