/* blob: bytes with a count, received or built. Written by one thread while it fills; immutable once
 * shared. */
#pragma once
#include <stdatomic.h>
#include <stddef.h>

#include "base/account.h"

struct buf;

struct blob {
    struct account *account; /* holds a reference; charged with n_charged */
    size_t len, n_charged;
    atomic_uint n_refs;
    enum { BLOB_INSIDE, BLOB_RAW, BLOB_HELD } home;
    char *data; /* inside, or what a buffer has built */
    char inside[];
};

/* NULL when memory is exhausted or the account refuses. The charge is returned by the last
 * unref. */
MUST_CHECK NONNULL(2) struct blob *blob_try_new(size_t len, struct account *account);
/* Takes what a buffer holds, without a copy; the buffer is empty afterwards. What a held one has
 * been charged stays charged. NULL as above, or the buffer has failed: it is as before. */
MUST_CHECK NONNULL(2) struct blob *blob_try_adopt(struct buf *b, struct account *account);
/* The same, and the account pays for all of it from now on. */
MUST_CHECK NONNULL(2) struct blob *blob_try_take_over(struct buf *b, struct account *account);
/* Makes longer what blob_try_new has made and nobody shares, its bytes as they were; only the
 * difference is charged. NULL as above: the old one is as it was. */
MUST_CHECK struct blob *blob_try_grow(struct blob *b, size_t len);
struct blob *blob_ref(struct blob *b);
struct blob *blob_unref(struct blob *b); /* takes NULL; returns NULL; any thread */
