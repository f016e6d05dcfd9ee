/* redis_prune: Redis forgets keys, not fields of a hash. A step is a script: it looks at a thousand
 * fields and deletes those whose time has come, so no write can come between looking and deleting,
 * and nobody waits long for it. */
#include "store/redis_prune.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "net/redis_link.h"
#include "store/redis_layout.h"

static const char STEP[] =
    "local r = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 1000) "
    "for i = 1, #r[2], 2 do local v, e = r[2][i + 1], 0 "
    "if #v >= 8 then for j = 1, 8 do e = e * 256 + string.byte(v, j) end end "
    "if e > 0 and e <= tonumber(ARGV[2]) then redis.call('HDEL', KEYS[1], r[2][i]) end end "
    "return r[1]";

void redis_prune_note(struct redis_prune *p, const struct store_op *op)
{
    bool may_expire = op->kind == STORE_OP_SCAN || (op->kind == STORE_OP_PUT && op->expires_at);

    if (!may_expire || !redis_layout_is_pruned(op->bucket))
        return;
    for (size_t i = 0; i < p->n_buckets; i++) {
        if (strcmp(p->buckets[i].bucket, op->bucket) == 0)
            return;
    }
    /* their names are ours: raise it with the next one */
    ASSERT(p->n_buckets < REDIS_PRUNE_BUCKETS_MAX);
    p->buckets[p->n_buckets++] = (struct redis_pruned){op->bucket, "0"};
}

static void redis_prune_on_step(int outcome, const struct redis_reply *reply, void *arg)
{
    struct redis_prune *p = arg;
    struct redis_pruned *b = &p->buckets[p->at];

    p->is_under_way = false;
    if (outcome == REDIS_LINK_ANSWERED && redis_reply_kind(reply) == REDIS_TEXT)
        (void)snprintf(b->cursor, sizeof(b->cursor), SLICE_FMT, SLICE_ARG(redis_reply_text(reply)));
    if (strcmp(b->cursor, "0") == 0)
        p->at = (p->at + 1) % p->n_buckets;
    p->done(p);
}

void redis_prune_step(struct redis_prune *p, int64_t now_s)
{
    char now[24];
    SCRATCH_BUF(name, 0);

    if (p->is_under_way || !p->n_buckets)
        return;
    const struct redis_pruned *b = &p->buckets[p->at];
    buf_add_fmt(&name, "hyphad:%s", b->bucket);
    (void)snprintf(now, sizeof(now), "%" PRId64, now_s);
    struct redis_command c = {.args = {SLICE_LIT("EVAL"), slice_of(STEP), SLICE_LIT("1"),
                                       buf_slice(&name), slice_of(b->cursor), slice_of(now)},
                              .n_args = 6};
    p->is_under_way = true;
    redis_link_ask(p->link, &c, redis_prune_on_step, p);
}
