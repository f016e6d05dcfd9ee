/* redis_reply: what an answer says, for rooms that do not know hiredis. */
#include <hiredis/hiredis.h>

#include "net/redis_link.h"

static const redisReply *redis_reply_raw(const struct redis_reply *r)
{
    return (const redisReply *)(const void *)r;
}

enum redis_kind redis_reply_kind(const struct redis_reply *r)
{
    switch (redis_reply_raw(r)->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_TEXT;
    case REDIS_REPLY_ARRAY:
        return REDIS_ARRAY;
    case REDIS_REPLY_INTEGER:
        return REDIS_INT;
    case REDIS_REPLY_NIL:
        return REDIS_NIL;
    default:
        return REDIS_ERROR;
    }
}

int64_t redis_reply_int(const struct redis_reply *r)
{
    return redis_reply_raw(r)->type == REDIS_REPLY_INTEGER ? redis_reply_raw(r)->integer : 0;
}

struct slice redis_reply_text(const struct redis_reply *r)
{
    const redisReply *reply = redis_reply_raw(r);
    bool has_text = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS ||
                    reply->type == REDIS_REPLY_ERROR;

    return has_text ? slice_make(reply->str, (size_t)reply->len) : (struct slice){NULL, 0};
}

size_t redis_reply_count(const struct redis_reply *r)
{
    return redis_reply_raw(r)->type == REDIS_REPLY_ARRAY ? redis_reply_raw(r)->elements : 0;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *r, size_t i)
{
    return (const struct redis_reply *)(const void *)redis_reply_raw(r)->element[i];
}
