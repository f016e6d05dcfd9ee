/* redis_layout: one command an operation, so that Redis does it whole or not at all. A scan is one command too: it runs when the
 * server starts. What the original's form cannot say (bytes in a config are no JSON) stays MessagePack, which no reader takes
 * for JSON: it begins with no brace. */
#include "store/redis_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

static void add(struct redis_command *c, struct slice arg)
{
    c->args[c->n_args++] = arg;
}

/* ---- blocks: [expires_at, reason] here, a string with a time to live there ---- */

static const char GET_WITH_TTL[] = "local v = redis.call('GET', KEYS[1]) "
                                   "if not v then return false end "
                                   "return {v, redis.call('TTL', KEYS[1])}";
static const char SCAN_WITH_TTL[] = "local all = {} "
                                    "for _, k in ipairs(redis.call('KEYS', ARGV[1])) do "
                                    "if redis.call('TYPE', k).ok == 'string' then "
                                    "all[#all + 1] = string.sub(k, 9) all[#all + 1] = redis.call('GET', k) "
                                    "all[#all + 1] = redis.call('TTL', k) end end return all";

static void name_string(const struct store_op *op, struct redis_scratch *s)
{
    buf_add_text(&s->name, "blocked:");
    buf_add_slice(&s->name, op->key);
}

static struct slice reason_of(const struct store_op *op)
{
    struct slice rest = op->bytes, row, item, reason;

    if (mp_take(&rest, 1, &row) == MP_OK && !rest.len && mp_at(row, 1, &item) && mp_get_str(item, &reason))
        return reason;
    return op->bytes;
}

static void add_block(struct buf *b, struct slice reason, int64_t ttl_s, int64_t now_s)
{
    mp_add_array(b, 2);
    mp_add_int(b, ttl_s < 0 ? 0 : now_s + ttl_s);
    mp_add_str(b, reason);
}

static void ask_string(const struct store_op *op, int64_t now_s, struct redis_scratch *s, struct redis_command *c)
{
    bool is_late = op->expires_at && op->expires_at <= now_s;

    name_string(op, s);
    if (op->kind == STORE_OP_SCAN) {
        add(c, SLICE_LIT("EVAL"));
        add(c, slice_of(SCAN_WITH_TTL));
        add(c, SLICE_LIT("0"));
        add(c, SLICE_LIT("blocked:*"));
    } else if (op->kind == STORE_OP_GET) {
        add(c, SLICE_LIT("EVAL"));
        add(c, slice_of(GET_WITH_TTL));
        add(c, SLICE_LIT("1"));
        add(c, buf_slice(&s->name));
    } else if (op->kind == STORE_OP_REMOVE || is_late) {
        add(c, SLICE_LIT("DEL"));
        add(c, buf_slice(&s->name));
    } else {
        add(c, SLICE_LIT("SET"));
        add(c, buf_slice(&s->name));
        add(c, reason_of(op));
        if (!op->expires_at)
            return;
        (void)snprintf(s->number, sizeof(s->number), "%" PRId64, op->expires_at - now_s);
        add(c, SLICE_LIT("EX"));
        add(c, slice_of(s->number));
    }
}

/* ---- hashes ---- */

static void encode(const struct store_op *op, struct redis_scratch *s)
{
    struct slice rest = op->bytes, value;

    if (layout_of(op->bucket) == LAYOUT_HASH) {
        for (int shift = 56; shift >= 0; shift -= 8)
            buf_add_byte(&s->value, (char)(op->expires_at >> shift));
        buf_add_slice(&s->value, op->bytes);
        return;
    }
    bool is_value = mp_take(&rest, MP_MAX_DEPTH, &value) == MP_OK && !rest.len && mp_is(value, MP_MAP);
    if (!is_value || json_from_mp(value, &s->value) != JSON_OK) {
        buf_clear(&s->value);
        buf_add_slice(&s->value, op->bytes);
    }
}

static void ask_hash(const struct store_op *op, struct redis_scratch *s, struct redis_command *c)
{
    buf_add_text(&s->name, layout_of(op->bucket) == LAYOUT_JSON ? "" : "hyphad:");
    buf_add_text(&s->name, op->bucket);
    if (op->kind == STORE_OP_PUT)
        encode(op, s);
    add(c, op->kind == STORE_OP_PUT      ? SLICE_LIT("HSET")
           : op->kind == STORE_OP_REMOVE ? SLICE_LIT("HDEL")
           : op->kind == STORE_OP_GET    ? SLICE_LIT("HGET")
                                         : SLICE_LIT("HGETALL"));
    add(c, buf_slice(&s->name));
    if (op->kind != STORE_OP_SCAN)
        add(c, op->key);
    if (op->kind == STORE_OP_PUT)
        add(c, buf_slice(&s->value));
}

bool redis_layout_ask(const struct store_op *op, int64_t now_s, struct redis_scratch *s, struct redis_command *ret)
{
    *ret = (struct redis_command){.n_args = 0};
    if (layout_of(op->bucket) == LAYOUT_STRINGS)
        ask_string(op, now_s, s, ret);
    else
        ask_hash(op, s, ret);
    return !s->name.is_failed && !s->value.is_failed;
}

/* ---- answers ---- */

/* Appends the record of a stored value. False: it is there no more. */
static bool decode(const struct store_op *op, struct slice stored, int64_t now_s, struct buf *out)
{
    uint64_t expires_at = 0;

    if (layout_of(op->bucket) == LAYOUT_JSON) {
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
        add_block(&op->result, redis_reply_text(redis_reply_at(reply, 0)), redis_reply_int(redis_reply_at(reply, 1)), now_s);
    else if (is_there)
        is_there = decode(op, redis_reply_text(reply), now_s, &op->result);
    if (!is_there)
        buf_clear(&op->result);
    op->outcome = is_there ? STORE_OK : STORE_ABSENT;
}

struct found {
    struct slice key;
    const struct redis_reply *value, *ttl;
};

static int by_key(const void *a, const void *b)
{
    return slice_order(((const struct found *)a)->key, ((const struct found *)b)->key);
}

static void add_found(struct store_op *op, const struct found *f, int64_t now_s)
{
    struct buf bytes;
    bool is_there = true;

    buf_init(&bytes, 0);
    if (f->ttl)
        add_block(&bytes, redis_reply_text(f->value), redis_reply_int(f->ttl), now_s);
    else
        is_there = decode(op, redis_reply_text(f->value), now_s, &bytes);
    if (is_there && !bytes.is_failed)
        store_op_add_row(op, f->key, buf_slice(&bytes));
    op->result.is_failed = op->result.is_failed || bytes.is_failed;
    buf_deinit(&bytes);
}

static void read_scan(struct store_op *op, const struct redis_reply *reply, int64_t now_s)
{
    size_t width = layout_of(op->bucket) == LAYOUT_STRINGS ? 3 : 2, n = redis_reply_count(reply) / width;
    struct found *all = mem_new((n + 1) * sizeof(*all));

    for (size_t i = 0; i < n; i++)
        all[i] = (struct found){redis_reply_text(redis_reply_at(reply, width * i)), redis_reply_at(reply, width * i + 1),
                                width == 3 ? redis_reply_at(reply, width * i + 2) : NULL};
    qsort(all, n, sizeof(*all), by_key);
    for (size_t i = 0; i < n; i++)
        add_found(op, &all[i], now_s);
    mem_free(all);
    op->outcome = STORE_OK;
}

void redis_layout_read(struct store_op *op, const struct redis_reply *reply, int64_t now_s)
{
    store_op_reset(op);
    if (op->kind == STORE_OP_GET)
        read_get(op, reply, now_s);
    else if (op->kind == STORE_OP_SCAN)
        read_scan(op, reply, now_s);
    else
        op->outcome = STORE_OK;
}
