/* redis_layout: where a record stands in Redis, and in what form. The store room's own; pure.
 *
 *   workspaces       hash `workspaces`, id -> JSON               as the original has it
 *   blocks           strings `blocked:user:ID`, `blocked:ip:IP`  as the original has it:
 *                    the reason, expiring by itself
 *   any other bucket hash `hyphad:BUCKET`, key -> 8 bytes of expiry (big-endian Unix seconds,
 *                    0 = never), then the bytes */
#pragma once
#include "base/buf.h"
#include "net/redis_link.h"
#include "store/op.h"

/* What the arguments of a command borrow from. */
struct redis_scratch {
    struct buf name, value;
    char number[24];
};
void redis_scratch_init(struct redis_scratch *s);
void redis_scratch_deinit(struct redis_scratch *s);

/* The command of a put, remove or get. False: no memory. */
MUST_CHECK bool redis_layout_ask(const struct store_op *op, int64_t now_s, struct redis_scratch *s,
                                 struct redis_command *ret);
/* For redis_scan. Strings: what stands before each key; else the hash. */
bool redis_layout_is_strings(const char *bucket);
void redis_layout_add_name(struct buf *name, const char *bucket);
/* Appends the record of a stored value. False: it has expired. */
MUST_CHECK bool redis_layout_decode(const char *bucket, struct slice stored, int64_t now_s,
                                    struct buf *out);
/* The same of a block, with its time to live; never false. */
MUST_CHECK bool redis_layout_add_block(struct buf *out, struct slice reason, int64_t ttl_s,
                                       int64_t now_s);
/* Whether records of this bucket stand where Redis does not drop them by itself. */
bool redis_layout_is_pruned(const char *bucket);
/* Reads the answer, which is no error, into outcome and result. */
void redis_layout_read(struct store_op *op, const struct redis_reply *reply, int64_t now_s);
