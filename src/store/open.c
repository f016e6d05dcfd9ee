/* open: the engines by the words --store has for them. A further one is a row here. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/engines.h"

struct engine {
    const char *prefix; /* of what --store says */
    bool is_shared;
    int (*try)(const struct store_options *o, char ret_error[STORE_ERROR_MAX]);
    int (*open)(struct loop *loop, const struct store_options *o, struct store **ret,
                char ret_error[STORE_ERROR_MAX]);
};

static int try_file(const struct store_options *o, char ret_error[STORE_ERROR_MAX])
{
    (void)o; /* its folder is looked at by whoever holds it (store/data_dir.h) */
    (void)ret_error;
    return STORE_OK;
}

static int store_open_file(struct loop *loop, const struct store_options *o, struct store **ret,
                           char ret_error[STORE_ERROR_MAX])
{
    if (strcmp(o->path, ":memory:") != 0)
        return store_open_sqlite(loop, o->path, ret, ret_error);
    *ret = store_open_memory(loop);
    return STORE_OK;
}

static struct store_redis_options redis_of(const struct store_options *o)
{
    return (struct store_redis_options){.uri = o->where,
                                        .owner = o->owner,
                                        .timeout_ms = o->timeout_ms,
                                        .lost = o->lost,
                                        .lost_arg = o->lost_arg};
}

static int try_redis(const struct store_options *o, char ret_error[STORE_ERROR_MAX])
{
    const struct store_redis_options redis = redis_of(o);

    return store_try_redis(&redis, ret_error);
}

static int open_redis(struct loop *loop, const struct store_options *o, struct store **ret,
                      char ret_error[STORE_ERROR_MAX])
{
    struct store_redis_options redis = redis_of(o);
    int r = store_check_redis(&redis, ret_error);

    if (r == STORE_OK)
        r = store_open_file(loop, o, &redis.rows, ret_error);
    if (r != STORE_OK)
        return r;
    *ret = store_open_redis(loop, &redis);
    LOG(LOG_INFO, "store", "records are kept in Redis");
    return STORE_OK;
}

static const struct engine engines[] = {
    {"sqlite", false, try_file, store_open_file},
    {"redis://", true, try_redis, open_redis},
    {"unix://", true, try_redis, open_redis},
};

static const struct engine *open_engine_of(const char *where, char *ret_error)
{
    for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
        if (slice_starts(slice_of(where), engines[i].prefix))
            return &engines[i];
    }
    if (ret_error)
        (void)snprintf(
            ret_error, STORE_ERROR_MAX,
            "no engine keeps records in `%.100s`: want sqlite, redis://... or unix://...", where);
    return NULL;
}

bool store_is_shared(const char *where)
{
    const struct engine *e = open_engine_of(where, NULL);

    return e && e->is_shared;
}

int store_try(const struct store_options *options, char ret_error[STORE_ERROR_MAX])
{
    const struct engine *e = open_engine_of(options->where, ret_error);

    return e ? e->try(options, ret_error) : STORE_FAILED;
}

int store_open(struct loop *loop, const struct store_options *options, struct store **ret,
               char ret_error[STORE_ERROR_MAX])
{
    const struct engine *e = open_engine_of(options->where, ret_error);

    return e ? e->open(loop, options, ret, ret_error) : STORE_FAILED;
}
