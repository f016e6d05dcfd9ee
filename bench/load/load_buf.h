/* load_buf: growing bytes for the load program. One owner, one thread. Running out of memory ends
 * the program: every size here is chosen by the person who started it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

void *mem_zeroed(size_t n, size_t size); /* calloc that cannot fail */
/* room for n bytes behind len; len is unchanged */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_append(struct buf *b, const void *data, size_t n);
void buf_append_text(struct buf *b, const char *text); /* without the final NUL */
void buf_drop_front(struct buf *b, size_t n);
void buf_free(struct buf *b); /* leaves an empty, usable buf */
