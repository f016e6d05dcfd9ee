/* redis_scan: two phases of small scripts, since a hash can be walked by a cursor, but only in the
 * order of its table, where a field may come twice. Lua looks at sizes, so that a piece ends where
 * the caller wants it to end. */
#include "store/redis_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/held.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "store/redis_layout.h"
#include "wire/mp.h"

/* Of the keys asked for, in their order, as many as fit; nothing in the place of what is not
 * there. */
static const char HASH_KEYS[] =
    "local r = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500) local out = {r[1]} "
    "for i = 1, #r[2], 2 do out[#out + 1] = r[2][i] end return out";
static const char HASH_ROWS[] =
    "local keys, out, n = cmsgpack.unpack(ARGV[2]), {}, 0 for i, key in ipairs(keys) do "
    "local v = redis.call('HGET', KEYS[1], key) out[i] = v n = n + (v and #v or 0) "
    "if n >= tonumber(ARGV[1]) then break end end return out";
static const char STRING_KEYS[] =
    "local r = redis.call('SCAN', ARGV[1], 'MATCH', KEYS[1] .. '*', 'COUNT', 500) local out = "
    "{r[1]} "
    "for i, key in ipairs(r[2]) do out[i + 1] = string.sub(key, #KEYS[1] + 1) end return out";
static const char STRING_ROWS[] =
    "local keys, out, n = cmsgpack.unpack(ARGV[2]), {}, 0 for i, key in ipairs(keys) do "
    "local name = KEYS[1] .. key local v = false "
    "if redis.call('TYPE', name).ok == 'string' then v = redis.call('GET', name) end "
    "out[2 * i - 1] = v out[2 * i] = redis.call('TTL', name) n = n + (v and #v or 0) "
    "if n >= tonumber(ARGV[1]) then break end end return out";

struct redis_scan *redis_scan_new(struct loop *loop, const char *bucket)
{
    struct redis_scan *s = MEM_NEW(struct redis_scan);

    s->bucket = bucket;
    held_buf_init(&s->keys, 0, loop->own);
    (void)snprintf(s->cursor, sizeof(s->cursor), "0");
    held_buf_init(&s->name, 0, loop->own);
    held_buf_init(&s->packed, 0, loop->own);
    return s;
}

struct redis_scan *redis_scan_free(struct redis_scan *s)
{
    if (!s)
        return NULL;
    held_free(s->sorted);
    held_buf_deinit(&s->keys);
    held_buf_deinit(&s->name);
    held_buf_deinit(&s->packed);
    return mem_free(s);
}

static void pack_keys(struct redis_scan *s)
{
    size_t n = s->n_sorted - s->at;

    n = n < STORE_SCAN_ROWS ? n : STORE_SCAN_ROWS;
    buf_clear(&s->packed.b);
    mp_add_array(&s->packed.b, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        mp_add_str(&s->packed.b, s->sorted[s->at + i]);
}

struct redis_command redis_scan_ask(struct redis_scan *s)
{
    bool is_strings = redis_layout_is_strings(s->bucket);
    struct redis_command c = {.args = {SLICE_LIT("EVAL")}, .n_args = 5};

    buf_clear(&s->name.b);
    redis_layout_add_name(&s->name.b, s->bucket);
    c.args[2] = SLICE_LIT("1");
    c.args[3] = buf_slice(&s->name.b);
    if (!s->sorted) {
        c.args[1] = slice_of(is_strings ? STRING_KEYS : HASH_KEYS);
        c.args[4] = slice_of(s->cursor);
        return c;
    }
    pack_keys(s);
    c.args[1] = slice_of(is_strings ? STRING_ROWS : HASH_ROWS);
    c.args[4] = SLICE_LIT("262144"); /* STORE_SCAN_BYTES */
    c.args[5] = buf_slice(&s->packed.b);
    c.n_args = 6;
    return c;
}

/* ---- keys ---- */

static int by_bytes(const void *a, const void *b)
{
    return slice_order(*(const struct slice *)a, *(const struct slice *)b);
}

/* A field that moved while the table was walked comes twice. */
static void drop_secret_files(struct redis_scan *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_keys; i++) {
        if (!n || !slice_eq(s->sorted[n - 1], s->sorted[i]))
            s->sorted[n++] = s->sorted[i];
    }
    s->n_sorted = n;
}

static bool sort_keys(struct redis_scan *s)
{
    struct slice rest = buf_slice(&s->keys.b);

    s->sorted = held_new((s->n_keys + 1) * sizeof(*s->sorted), s->keys.b.account);
    if (!s->sorted)
        return false;
    for (size_t i = 0, len; i < s->n_keys; i++) {
        memcpy(&len, rest.ptr, sizeof(len));
        s->sorted[i] = slice_to(slice_from(rest, sizeof(len)), len);
        rest = slice_from(rest, sizeof(len) + len);
    }
    qsort(s->sorted, s->n_keys, sizeof(*s->sorted), by_bytes);
    drop_secret_files(s);
    return true;
}

static int take_keys(struct redis_scan *s, const struct redis_reply *reply)
{
    struct slice cursor = redis_reply_text(redis_reply_at(reply, 0));

    for (size_t i = 1; i < redis_reply_count(reply); i++) {
        struct slice key = redis_reply_text(redis_reply_at(reply, i));
        buf_add(&s->keys.b, &key.len, sizeof(key.len));
        buf_add_slice(&s->keys.b, key);
        s->n_keys++;
    }
    if (s->keys.b.is_failed || cursor.len >= sizeof(s->cursor))
        return REDIS_SCAN_FAILED;
    (void)snprintf(s->cursor, sizeof(s->cursor), SLICE_FMT, SLICE_ARG(cursor));
    if (!slice_is(cursor, "0"))
        return REDIS_SCAN_GO_ON;
    return sort_keys(s) ? REDIS_SCAN_GO_ON : REDIS_SCAN_FAILED;
}

/* ---- rows ---- */

/* False: the piece is full. */
static bool redis_scan_add_row(const struct redis_scan *s, const struct redis_reply *reply,
                               size_t i, int64_t now_s, struct store_op *op)
{
    bool is_strings = redis_layout_is_strings(s->bucket), is_there, has_room = true;
    const struct redis_reply *value = redis_reply_at(reply, is_strings ? 2 * i : i);
    SCRATCH_BUF(bytes, 0);

    if (redis_reply_kind(value) != REDIS_TEXT)
        return true;
    is_there =
        is_strings
            ? redis_layout_add_block(&bytes, redis_reply_text(value),
                                     redis_reply_int(redis_reply_at(reply, 2 * i + 1)), now_s)
            : redis_layout_decode(s->bucket, redis_reply_text(value), now_s, &bytes);
    op->result.b.is_failed = op->result.b.is_failed || bytes.is_failed;
    if (is_there)
        has_room = store_op_add_row(op, s->sorted[s->at], buf_slice(&bytes));
    return has_room;
}

static int take_rows(struct redis_scan *s, const struct redis_reply *reply, int64_t now_s,
                     struct store_op *op)
{
    size_t width = redis_layout_is_strings(s->bucket) ? 2 : 1, n = redis_reply_count(reply) / width;
    bool has_room = true;

    for (size_t i = 0; i < n && has_room && s->at < s->n_sorted; i++) {
        has_room = redis_scan_add_row(s, reply, i, now_s, op);
        s->at++;
    }
    op->has_more = s->at < s->n_sorted;
    /* a Redis that gives nothing for a key would be asked for ever */
    if (op->has_more && !n)
        return REDIS_SCAN_FAILED;
    op->outcome = STORE_OK;
    return op->has_more && !op->n_rows ? REDIS_SCAN_GO_ON : REDIS_SCAN_PIECE;
}

int redis_scan_take(struct redis_scan *s, const struct redis_reply *reply, int64_t now_s,
                    struct store_op *op)
{
    if (redis_reply_kind(reply) != REDIS_ARRAY)
        return REDIS_SCAN_FAILED;
    return s->sorted ? take_rows(s, reply, now_s, op) : take_keys(s, reply);
}
