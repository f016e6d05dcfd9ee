/* redis_layout: one command an operation, so that Redis does it whole or not at all. What the
 * original's form cannot say (bytes in a config are no JSON) stays MessagePack, which no reader
 * takes for JSON: it begins with no brace. */
#include "store/redis_layout.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "wire/json.h"
#include "wire/mp.h"

enum layout { LAYOUT_JSON, LAYOUT_STRINGS, LAYOUT_HASH };
enum { EXPIRY_BYTES = 8 };

static enum layout layout_of(const char *bucket)
{
    if (strcmp(bucket, "workspaces") == 0)
        return LAYOUT_JSON;
    return strcmp(bucket, "blocks") == 0 ? LAYOUT_STRINGS : LAYOUT_HASH;
}

bool redis_layout_is_pruned(const char *bucket)
{
    return layout_of(bucket) == LAYOUT_HASH;
}

bool redis_layout_is_strings(const char *bucket)
{
    return layout_of(bucket) == LAYOUT_STRINGS;
}

void redis_layout_add_name(struct buf *name, const char *bucket)
{
    if (layout_of(bucket) == LAYOUT_STRINGS) {
        buf_add_text(name, "blocked:");
        return;
    }
    buf_add_text(name, layout_of(bucket) == LAYOUT_JSON ? "" : "hyphad:");
    buf_add_text(name, bucket);
}

void redis_scratch_init(struct redis_scratch *s)
{
    buf_init(&s->name, 0);
    buf_init(&s->value, 0);
}

void redis_scratch_deinit(struct redis_scratch *s)
{
    buf_deinit(&s->name);
    buf_deinit(&s->value);
}

static void redis_layout_add(struct redis_command *c, struct slice arg)
{
    c->args[c->n_args++] = arg;
}

/* ---- blocks: [expires_at, reason] here, a string with a time to live there ---- */

static const char GET_WITH_TTL[] = "local v = redis.call('GET', KEYS[1]) "
                                   "if not v then return false end "
                                   "return {v, redis.call('TTL', KEYS[1])}";
static void name_string(const struct store_op *op, struct redis_scratch *s)
{
    redis_layout_add_name(&s->name, op->bucket);
    buf_add_slice(&s->name, op->key);
}

static struct slice redis_layout_reason_of(const struct store_op *op)
{
    struct slice rest = op->bytes, row, item, reason;

    if (mp_take(&rest, 1, &row) == MP_OK && !rest.len && mp_at(row, 1, &item) &&
        mp_get_str(item, &reason))
        return reason;
    return op->bytes;
}

bool redis_layout_add_block(struct buf *out, struct slice reason, int64_t ttl_s, int64_t now_s)
{
    mp_add_array(out, 2);
    mp_add_int(out, ttl_s < 0 ? 0 : now_s + ttl_s);
    mp_add_str(out, reason);
    return true;
}

static void ask_string(const struct store_op *op, int64_t now_s, struct redis_scratch *s,
                       struct redis_command *c)
{
    bool is_late = op->expires_at && op->expires_at <= now_s;

    name_string(op, s);
    if (op->kind == STORE_OP_GET) {
        redis_layout_add(c, SLICE_LIT("EVAL"));
        redis_layout_add(c, slice_of(GET_WITH_TTL));
        redis_layout_add(c, SLICE_LIT("1"));
        redis_layout_add(c, buf_slice(&s->name));
    } else if (op->kind == STORE_OP_REMOVE || is_late) {
        redis_layout_add(c, SLICE_LIT("DEL"));
        redis_layout_add(c, buf_slice(&s->name));
    } else {
        redis_layout_add(c, SLICE_LIT("SET"));
        redis_layout_add(c, buf_slice(&s->name));
        redis_layout_add(c, redis_layout_reason_of(op));
        if (!op->expires_at)
            return;
        (void)snprintf(s->number, sizeof(s->number), "%" PRId64, op->expires_at - now_s);
        redis_layout_add(c, SLICE_LIT("EX"));
        redis_layout_add(c, slice_of(s->number));
    }
}

/* ---- hashes ---- */

static void redis_layout_encode(const struct store_op *op, struct redis_scratch *s)
{
    struct slice rest = op->bytes, value;

    if (layout_of(op->bucket) == LAYOUT_HASH) {
        for (int shift = 56; shift >= 0; shift -= 8)
            buf_add_byte(&s->value, (char)(op->expires_at >> shift));
        buf_add_slice(&s->value, op->bytes);
        return;
    }
    bool is_value =
        mp_take(&rest, MP_MAX_DEPTH, &value) == MP_OK && !rest.len && mp_is(value, MP_MAP);
    if (!is_value || json_from_mp(value, &s->value) != JSON_OK) {
        buf_clear(&s->value);
        buf_add_slice(&s->value, op->bytes);
    }
}

static void ask_hash(const struct store_op *op, struct redis_scratch *s, struct redis_command *c)
{
    redis_layout_add_name(&s->name, op->bucket);
    if (op->kind == STORE_OP_PUT)
        redis_layout_encode(op, s);
    redis_layout_add(c, op->kind == STORE_OP_PUT      ? SLICE_LIT("HSET")
                        : op->kind == STORE_OP_REMOVE ? SLICE_LIT("HDEL")
                                                      : SLICE_LIT("HGET"));
    redis_layout_add(c, buf_slice(&s->name));
    redis_layout_add(c, op->key);
    if (op->kind == STORE_OP_PUT)
        redis_layout_add(c, buf_slice(&s->value));
}

bool redis_layout_ask(const struct store_op *op, int64_t now_s, struct redis_scratch *s,
                      struct redis_command *ret)
{
    *ret = (struct redis_command){.n_args = 0};
    if (layout_of(op->bucket) == LAYOUT_STRINGS)
        ask_string(op, now_s, s, ret);
    else
        ask_hash(op, s, ret);
    return !s->name.is_failed && !s->value.is_failed;
}

/* ---- answers ---- */

bool redis_layout_decode(const char *bucket, struct slice stored, int64_t now_s, struct buf *out)
{
    uint64_t expires_at = 0;

    if (layout_of(bucket) == LAYOUT_JSON) {
        if (!slice_starts(stored, "{") || json_to_mp(stored, out, NULL) != JSON_OK)
            buf_add_slice(out, stored);
        return true;
    }
    if (stored.len < EXPIRY_BYTES)
        return false;
    for (size_t i = 0; i < EXPIRY_BYTES; i++)
        expires_at = expires_at << 8 | (unsigned char)stored.ptr[i];
    buf_add_slice(out, slice_from(stored, EXPIRY_BYTES));
    return !expires_at || (int64_t)expires_at > now_s;
}

static void read_get(struct store_op *op, const struct redis_reply *reply, int64_t now_s)
{
    bool is_there = redis_reply_kind(reply) != REDIS_NIL;

    if (is_there && layout_of(op->bucket) == LAYOUT_STRINGS)
        (void)!redis_layout_add_block(&op->result.b, redis_reply_text(redis_reply_at(reply, 0)),
                                      redis_reply_int(redis_reply_at(reply, 1)), now_s);
    else if (is_there)
        is_there = redis_layout_decode(op->bucket, redis_reply_text(reply), now_s, &op->result.b);
    if (!is_there)
        buf_clear(&op->result.b);
    op->outcome = is_there ? STORE_OK : STORE_ABSENT;
}

void redis_layout_read(struct store_op *op, const struct redis_reply *reply, int64_t now_s)
{
    store_op_reset(op);
    if (op->kind == STORE_OP_GET)
        read_get(op, reply, now_s);
    else
        op->outcome = STORE_OK;
}
