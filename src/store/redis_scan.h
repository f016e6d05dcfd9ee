/* redis_scan: a bucket in the order of its keys, from a Redis that knows none. First the keys alone
 * are fetched, some hundred a step, and sorted; then their records, a bounded piece at a time. The
 * store lets nothing else in meanwhile, and nobody else writes. The store room's own;
 * loop-owned. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/redis_link.h"
#include "store/op.h"

struct loop;

struct redis_scan {
    const char *bucket;   /* a fixed name of ours */
    struct held_buf keys; /* each a size_t, then its bytes */
    struct slice *sorted; /* owned, in keys; NULL: they are still being fetched */
    size_t n_keys, n_sorted, at;
    char cursor[24];
    struct held_buf name, packed; /* of the command under way */
};

struct redis_scan *redis_scan_new(struct loop *loop, const char *bucket);
struct redis_scan *redis_scan_free(struct redis_scan *s); /* takes NULL; returns NULL */
/* The next command. It borrows from the scan until it was asked. */
struct redis_command redis_scan_ask(struct redis_scan *s);
enum { REDIS_SCAN_GO_ON, REDIS_SCAN_PIECE, REDIS_SCAN_FAILED };
/* Its answer, which is no error. PIECE: op holds rows, and whether more follow. GO_ON: ask
 * again. */
int redis_scan_take(struct redis_scan *s, const struct redis_reply *reply, int64_t now_s,
                    struct store_op *op);
