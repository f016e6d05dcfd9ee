/* redis_lease: a server that starts raises the epoch; one that comes back, or renews, must find it
 * as it was. */
#include "store/redis_lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define LEASE_S "30"
#define LEASE_KEY "hyphad:owner"
#define EPOCH_KEY "hyphad:epoch"

static const char TAKE[] =
    "local owner = redis.call('GET', KEYS[1]) "
    "if owner and owner ~= ARGV[1] then return owner end "
    "local epoch = redis.call('GET', KEYS[2]) "
    "if ARGV[2] == '0' then epoch = redis.call('INCR', KEYS[2]) "
    "elseif epoch ~= ARGV[2] then return '' end "
    "redis.call('SET', KEYS[1], ARGV[1], 'EX', " LEASE_S ") return tonumber(epoch)";
static const char GIVE[] =
    "if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('GET', KEYS[2]) == ARGV[2] then "
    "return redis.call('DEL', KEYS[1]) end return 0";
static const char GUARD[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then "
    "return redis.error_reply('FENCED another server has taken over the records') end "
    "return redis.call(unpack(ARGV, 2))";

void redis_lease_init(struct redis_lease *l, const char *owner, int64_t epoch)
{
    l->owner = mem_copy(owner, strlen(owner));
    (void)snprintf(l->epoch, sizeof(l->epoch), "%" PRId64, epoch);
}

void redis_lease_deinit(struct redis_lease *l)
{
    l->owner = mem_free(l->owner);
}

static struct redis_command redis_lease_script(const struct redis_lease *l, const char *text)
{
    return (struct redis_command){.args = {SLICE_LIT("EVAL"), slice_of(text), SLICE_LIT("2"),
                                           SLICE_LIT(LEASE_KEY), SLICE_LIT(EPOCH_KEY),
                                           slice_of(l->owner), slice_of(l->epoch)},
                                  .n_args = 7};
}

struct redis_command redis_lease_take(const struct redis_lease *l)
{
    return redis_lease_script(l, TAKE);
}

struct redis_command redis_lease_give(const struct redis_lease *l)
{
    return redis_lease_script(l, GIVE);
}

void redis_lease_guard(const struct redis_lease *l, struct redis_command *c)
{
    const struct slice before[] = {SLICE_LIT("EVAL"), slice_of(GUARD), SLICE_LIT("1"),
                                   SLICE_LIT(EPOCH_KEY), slice_of(l->epoch)};
    size_t n = ARRAY_LEN(before);

    ASSERT(c->n_args + n <= REDIS_ARGS_MAX);
    memmove(&c->args[n], c->args, c->n_args * sizeof(c->args[0]));
    memcpy(c->args, before, sizeof(before));
    c->n_args += n;
}

bool redis_lease_is_refusal(const struct redis_reply *reply)
{
    struct slice text = redis_reply_text(reply);

    /* Before version 7 the word for errors of scripts stands in front. */
    return redis_reply_kind(reply) == REDIS_ERROR &&
           (slice_starts(text, "FENCED ") || slice_starts(text, "ERR FENCED "));
}

int redis_lease_read(const struct redis_reply *reply, int64_t *ret_epoch,
                     char error[REDIS_ERROR_TEXT_MAX])
{
    struct slice text = redis_reply_text(reply);

    switch (redis_reply_kind(reply)) {
    case REDIS_INT:
        *ret_epoch = redis_reply_int(reply);
        return REDIS_LEASE_HELD;
    case REDIS_TEXT:
        if (!text.len) {
            (void)snprintf(error, REDIS_ERROR_TEXT_MAX,
                           "another server has had the records since this one started");
            return REDIS_LEASE_LOST;
        }
        (void)snprintf(error, REDIS_ERROR_TEXT_MAX, "in use by the server " SLICE_FMT,
                       SLICE_ARG(slice_to(text, 100)));
        return REDIS_LEASE_OTHERS;
    default:
        (void)snprintf(error, REDIS_ERROR_TEXT_MAX, "the lease cannot be taken");
        return REDIS_LEASE_UNKNOWN;
    }
}
