/* pack: as much MessagePack as a client under load needs: writing frames, and finding keys in the
 * routing map of one that arrived. Pure bytes. */
#pragma once

#include "load/load_buf.h"

#include <stdbool.h>

struct text {
    const char *at;
    size_t len;
};

bool text_is(struct text t, const char *literal);

void pack_map(struct buf *b, unsigned n);
void pack_array(struct buf *b, unsigned n);
void pack_str(struct buf *b, const char *text);
void pack_str_n(struct buf *b, const char *text, size_t n);
void pack_bin_head(struct buf *b, size_t n); /* the n bytes follow by buf_append */
void pack_f64(struct buf *b, double value);
/* always five bytes, so that it can be patched */
void pack_u32(struct buf *b, uint32_t value);
void pack_bool(struct buf *b, bool value);
void pack_nil(struct buf *b);

/* What a client reads of segment 1. A key that is absent, or not a string, is empty. */
struct head {
    struct text type;
    struct text from;
    struct text method;
    struct text session;
    const uint8_t *tail; /* first byte after segment 1 */
};
bool head_read(const uint8_t *data, size_t n, struct head *ret_head); /* false: malformed */

/* Segment 2 {args:[first, ..]}: the first argument as raw bytes of its element; false when there
 * is none. */
bool tail_first_arg(const uint8_t *tail, const uint8_t *end, const uint8_t **ret_at,
                    const uint8_t **ret_end);
const uint8_t *pack_read_str(const uint8_t *p, const uint8_t *end,
                             struct text *ret_text); /* NULL: not a str */
