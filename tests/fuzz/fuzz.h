/* fuzz: what the targets share. A target checks with ASSERT, which aborts: that is how a fuzzer
 * hears of it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* Cuts a piece off the input at the next newline; the rest when there is none. */
static inline struct slice fuzz_line(struct slice *in)
{
    struct slice line = *in;

    if (!slice_cut(*in, '\n', &line, in))
        *in = (struct slice){NULL, 0};
    return line;
}
