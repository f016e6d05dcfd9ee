/* payload: segment 2 of a frame, read in one pass. Private to rpc; pure; any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/slice.h"
#include "wire/rpc_value.h"

struct payload {
    struct slice args;  /* encoded array, or empty */
    struct slice first; /* the first of them, or empty */
    size_t n_values;    /* all there are, those inside others included */
    bool with_kwargs;
    struct rpc_promise promise;
};

enum { PAYLOAD_OK, PAYLOAD_BAD, PAYLOAD_LONG };

/* How many values a loop may look at in a row; a call of a service of ours may have no more. */
enum { PAYLOAD_VALUES_MAX = 65536 };

/* What a frame of ours may be made of: the bytes of segment 2, whose last value may stand in `tail`
 * (rpc/rpc_frame.h). PAYLOAD_LONG: there are more than n_values values. */
MUST_CHECK int payload_read(struct slice bytes, struct slice tail, size_t n_values,
                            struct payload *ret);
