/* rate: token buckets for HTTP requests. One table for all loops, of fixed size:
 * when it is full the bucket that is nearest to full is forgotten, so a flood of addresses costs
 * precision and no memory. Any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct http_rate;

enum { HTTP_RATE_FORGET_MS = 300 * 1000 };

struct http_rate_tier {
    double per_s; /* 0 = no limit */
    double burst;
    uint64_t forget_ms; /* quiet for so long: full again; 0 = HTTP_RATE_FORGET_MS */
};

struct http_rate *http_rate_new(void);
struct http_rate *http_rate_free(struct http_rate *r); /* takes NULL; returns NULL */
/* Takes one token of `key`. False: none is left, and *ret_retry_after_s whole seconds bring the
 * next. now_ms: monotonic. */
bool http_rate_take(struct http_rate *r, struct slice key, struct http_rate_tier tier,
                    uint64_t now_ms, unsigned *ret_retry_after_s);
