/* mp: MessagePack values as borrowed bytes. A value is a slice that holds exactly one encoded
 * value; reading walks the bytes in place and allocates nothing. mp_take() is the edge: it alone
 * accepts unchecked bytes. All other readers are given slices that came from it and abort on a
 * broken encoding. Pure; any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum mp_kind { MP_NIL, MP_BOOL, MP_INT, MP_FLOAT, MP_STR, MP_BIN, MP_ARRAY, MP_MAP, MP_EXT };

enum {
    MP_OK,
    MP_MORE, /* the bytes end inside the value */
    MP_BAD,  /* 0xc1, which encodes nothing */
    MP_DEEP, /* nested deeper than the cap */
    MP_LATE, /* it holds more values than the caller had time for */
};
enum { MP_MAX_DEPTH = 128 };

/* Cuts one value off the front of *in. Iterative; max_depth counts nested arrays and maps (scalars
 * are depth 0), at most MP_MAX_DEPTH. On anything but MP_OK both are untouched. */
MUST_CHECK int mp_take(struct slice *in, unsigned max_depth, struct slice *ret_value);
/* The same, of at most *n_values values in all, those inside included, which becomes how many were
 * not needed. A value takes a few nanoseconds at most, whatever it is. */
MUST_CHECK int mp_take_some(struct slice *in, unsigned max_depth, size_t *n_values,
                            struct slice *ret_value);
/* Cuts the head of an array (MP_ARRAY) or a map (MP_MAP) off bytes that may be anything; *ret_n
 * elements or pairs follow, or should. False: it is none; nothing is cut. */
MUST_CHECK bool mp_take_head(struct slice *in, enum mp_kind kind, uint32_t *ret_n);

enum mp_kind mp_kind(struct slice v);
static inline bool mp_is(struct slice v, enum mp_kind kind)
{
    return v.len && mp_kind(v) == kind;
}
/* Each returns false, output untouched, when the value is of another kind. An absent value (len 0)
 * is of no kind. */
bool mp_get_bool(struct slice v, bool *ret_bool);
/* Also a float with an integral value in range; not a uint64 past INT64_MAX. */
bool mp_get_int(struct slice v, int64_t *ret_int);
bool mp_get_num(struct slice v, double *ret_num);       /* int or float */
bool mp_get_uint64(struct slice v, uint64_t *ret_uint); /* non-negative MP_INT only */
bool mp_get_str(struct slice v, struct slice *ret_text);
bool mp_get_bin(struct slice v, struct slice *ret_bytes);
uint32_t mp_count(struct slice v); /* elements of an array, pairs of a map, else 0 */

struct mp_iter {
    struct slice rest;
    uint32_t n_left; /* elements or pairs */
};
/* Of any other kind, or absent: an empty walk. */
void mp_iter_init(struct mp_iter *it, struct slice array_or_map);
bool mp_iter_next(struct mp_iter *it, struct slice *ret_value); /* arrays */
/* Maps; the key is an encoded value like the other. */
bool mp_iter_pair(struct mp_iter *it, struct slice *ret_key, struct slice *ret_value);

/* The value of a text key; the last one when it occurs twice. False when v is no map or has no such
 * key. */
bool mp_find(struct slice map, const char *key, struct slice *ret_value);
bool mp_at(struct slice array, uint32_t index, struct slice *ret_value);
/* Conveniences over mp_find: false when absent OR of another kind. */
bool mp_find_str(struct slice map, const char *key, struct slice *ret_text);
bool mp_find_bool(struct slice map, const char *key, bool *ret_bool);

/* Writing: appends to a buf; a failed buf swallows everything. Integers take their shortest form,
 * as the clients' do. */
void mp_add_nil(struct buf *b);
void mp_add_bool(struct buf *b, bool v);
void mp_add_int(struct buf *b, int64_t v);
void mp_add_uint(struct buf *b, uint64_t v);
void mp_add_float(struct buf *b, double v);
void mp_add_str(struct buf *b, struct slice text);
void mp_add_text(struct buf *b, const char *text); /* NULL writes nil */
void mp_add_bin(struct buf *b, struct slice bytes);
/* one bin of both */
void mp_add_bin_two(struct buf *b, struct slice first, struct slice second);
void mp_add_array(struct buf *b, uint32_t n); /* then n values */
void mp_add_map(struct buf *b, uint32_t n);   /* then n key and value pairs */
/* An already encoded value; an absent one writes nil. */
void mp_add_raw(struct buf *b, struct slice encoded);

/* A map or array whose size is known only at its end: always the 32-bit form. */
struct mp_open {
    struct buf *buf;
    size_t at;
    uint32_t n;
};
void mp_open_map(struct mp_open *o, struct buf *b);
void mp_open_array(struct mp_open *o, struct buf *b);
/* Counts a pair and writes its key; the value follows. */
void mp_key(struct mp_open *o, const char *key);
void mp_key_text(struct mp_open *o, const char *key, const char *value); /* NULL writes nil */
/* Counts an element of an array; the value follows. */
void mp_item(struct mp_open *o);
void mp_close(struct mp_open *o);
