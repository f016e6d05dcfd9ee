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

CASE(a_blob_grows_and_pays_the_difference)
{
    static const size_t sizes[] = {5, 100, 300000, 700000, 5000000};
    struct account *a = account_new(NULL, ACCOUNT_USER, 6000000);
    struct blob *b = blob_try_new(0, a);
    size_t record = account_used(a), filled = 0;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        b = blob_try_grow(b, sizes[i]);
        CHECK(b != NULL && b->len == sizes[i]);
        /* not the old and the new at once: there would be no room */
        CHECK_INT(account_used(a), record + sizes[i]);
        for (; filled < b->len; filled++)
            b->data[filled] = (char)(filled * 3);
        for (size_t at = 0; at < filled; at += 97)
            CHECK_INT(b->data[at], (char)(at * 3));
    }
    CHECK(blob_try_grow(b, 7000000) == NULL && blob_try_grow(b, SIZE_MAX - 4) == NULL);
    CHECK_INT(b->len, 5000000);
    CHECK_INT(b->data[4999999], (char)(4999999 * 3));
    CHECK_INT(account_used(a), record + 5000000);
    blob_unref(b);
    CHECK_INT(account_used(a), 0);
    account_unref(a);
}

CASES(RUN(a_blob_grows_and_pays_the_difference), RUN(the_last_reference_returns_every_charge),
      RUN(a_refusal_is_null))
