/* engines: what store/open.c chooses from. The store room's own. */
#pragma once
#include "store/store.h"

/* Opening blocks; the texts name what went wrong. */
MUST_CHECK int store_open_sqlite(struct loop *loop, const char *path, struct store **ret,
                                 char ret_error[STORE_ERROR_MAX]);
struct store *store_open_memory(struct loop *loop);

/* Copies uri and owner. Redis is no place for a log that grows: the journal is that of `rows`,
 * another store, which becomes this one's and is closed with it. */
struct store_redis_options {
    const char *uri; /* wire/redis_uri.h */
    const char *owner;
    uint32_t timeout_ms;
    void (*lost)(void *arg);
    void *lost_arg;
    struct store *rows;
    /* store_check_redis() fills it in: which taking of the lease this is */
    int64_t epoch;
};
/* Whether the Redis is there and lets us in; takes nothing, owner is not looked at. Blocks. */
MUST_CHECK int store_try_redis(const struct store_redis_options *options,
                               char ret_error[STORE_ERROR_MAX]);
/* Whether the Redis is there, lets us in and belongs to no other server; looks at no rows. Blocks.
 * The lease is ours from here on. */
MUST_CHECK int store_check_redis(struct store_redis_options *options,
                                 char ret_error[STORE_ERROR_MAX]);
/* checked before */
struct store *store_open_redis(struct loop *loop, const struct store_redis_options *options);
