/* expiry: the moment at which a token is good no more, for what it has opened. It comes by the time
 * that tokens end by (token_now_ms), which may be set meanwhile, so it is looked at again now and
 * then. All on one loop. */
#pragma once
#include <stdint.h>

#include "loop/timer.h"

struct loop;
struct token_keys;

struct expiry { /* embedded in what ends; all zero: never started */
    struct timer timer;
    struct loop *loop; /* NULL = not running */
    const struct token_keys *keys;
    int64_t at;                           /* Unix seconds */
    void (*on_expired)(struct expiry *e); /* once; may free what it is embedded in */
};
struct expiry_terms {
    struct loop *loop;
    const struct token_keys *keys; /* whose time it is; borrowed */
    int64_t at;                    /* Unix seconds; 0 = never */
    void (*on_expired)(struct expiry *e);
};
void expiry_start(struct expiry *e, const struct expiry_terms *terms);
void expiry_stop(struct expiry *e); /* takes one that does not run */
