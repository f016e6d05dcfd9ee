/* buf: bytes that grow. Appending past the cap, or out of memory, marks the buffer failed and every
 * later append is ignored: a builder is written straight through and asked once at the end. Scratch
 * of up to 4 KiB is of a size we choose: it ends the process when memory is exhausted, as mem_new
 * does. Owner's thread only.
 *
 * A `struct buf` is scratch: on the stack, gone at the end of the turn. What outlives a turn is a
 * `struct held_buf`, which carries its charge: growing asks its account, and a refusal marks it
 * failed as running out of memory does. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

enum { BUF_DEFAULT_CAP = 1 << 30 };

struct account;

struct buf {
    char *ptr; /* owned */
    size_t len;
    size_t room;      /* allocated bytes */
    size_t cap_bytes; /* len never passes this; 0 = 1 GiB */
    bool is_failed;
    struct account *account; /* pays; holds a reference; NULL: scratch */
};

struct held_buf {
    struct buf b; /* written as any other; borrowed slices and functions are the same */
};

void buf_init(struct buf *b, size_t cap_bytes);
/* safe on a zeroed one, and twice */
void buf_deinit(struct buf *b);
/* Declares one that goes with its block, whichever way that is left. cap: as buf_init(). */
#define SCRATCH_BUF(name, cap)                                                                     \
    struct buf __attribute__((cleanup(buf_deinit))) name = {.cap_bytes = (cap)}
/* keeps the memory, forgets a failure */
void buf_clear(struct buf *b);
void buf_add(struct buf *b, const void *bytes, size_t n_bytes);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_text(struct buf *b, const char *text);
/* Inline: writers of JSON and of MessagePack heads spend their time here. */
static inline void buf_add_byte(struct buf *b, uint8_t byte)
{
    size_t cap = b->cap_bytes ? b->cap_bytes : BUF_DEFAULT_CAP;

    if (!b->is_failed && b->len + 1 < b->room && b->len < cap)
        b->ptr[b->len++] = (char)byte;
    else
        buf_add(b, &byte, 1);
}
void buf_add_fmt(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for n_bytes more to write in place, then buf_grow(); NULL when the buffer has failed. */
MUST_CHECK char *buf_reserve(struct buf *b, size_t n_bytes);
void buf_grow(struct buf *b, size_t n_bytes); /* claims what was reserved */
/* Borrowed until the next append. Empty when it has failed: whoever forgets to ask reads nothing,
 * not the beginning of something. */
struct slice buf_slice(const struct buf *b);
/* gives back what is not used of the room */
void buf_trim(struct buf *b);
/* For bytes that are read while more come: *n_read of them are done with. Drops these when that
 * moves no more than it frees, and then sets
 * *n_read to 0. */
void buf_drop_read(struct buf *b, size_t *n_read);
/* The bytes as a NUL-terminated block the caller frees; the buffer is empty afterwards. NULL when
 * it has failed. */
char *buf_take(struct buf *b);

/* Takes its own reference to the account; a leaf's is written by the thread that charges the
 * leaf. */
NONNULL(3) void held_buf_init(struct held_buf *b, size_t cap_bytes, struct account *account);
/* safe on a zeroed one, and twice; then it takes nothing more */
void held_buf_deinit(struct held_buf *b);
/* It is whole and stays as long as its owner: gives back what is not used of the room, and counts
 * as kept (held_keep). */
void held_buf_keep(struct held_buf *b);
/* Becomes a copy of the bytes (or failed). */
void held_buf_set(struct held_buf *b, struct slice bytes);
