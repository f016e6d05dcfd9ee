/* blob: received bytes with a count. Written by one thread while it fills; immutable once shared. */
#pragma once
#include <stdatomic.h>
#include <stddef.h>

#include "base/account.h"

struct blob {
    struct account *account;    /* holds a reference; charged with the allocation */
    size_t len;
    atomic_uint n_refs;
    char data[];
};

/* NULL when memory is exhausted or the account refuses. The charge is returned by the last unref. */
MUST_CHECK NONNULL(2) struct blob *blob_try_new(size_t len, struct account *account);
struct blob *blob_ref(struct blob *b);
struct blob *blob_unref(struct blob *b);        /* takes NULL; returns NULL; any thread */
