/* buf: the one builder of texts and messages; nothing else in the house concatenates. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/held.h"
#include "base/memory.h"
#include "base/memory_raw.h"

enum { BUF_FIRST_ROOM = 128, BUF_SMALL = 4096 };

void buf_init(struct buf *b, size_t cap_bytes)
{
    *b = (struct buf){.cap_bytes = cap_bytes};
}

void buf_deinit(struct buf *b)
{
    b->ptr = b->account ? held_free(b->ptr) : mem_free(b->ptr);
    b->len = b->room = 0;
    if (b->account) {
        b->account = account_unref(b->account);
        b->is_failed = true; /* without an account it would be scratch */
    }
}

static char *buf_resize(struct buf *b, size_t n_bytes)
{
    if (!b->account && n_bytes <= BUF_SMALL)
        return mem_resize(b->ptr, n_bytes);
    return b->account ? held_resize(b->ptr, n_bytes, b->account) : mem_try_resize(b->ptr, n_bytes);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->is_failed = false;
}

char *buf_reserve(struct buf *b, size_t n_bytes)
{
    size_t cap = b->cap_bytes ? b->cap_bytes : BUF_DEFAULT_CAP;

    if (b->is_failed || n_bytes > cap || b->len > cap - n_bytes) {
        b->is_failed = true;
        return NULL;
    }
    /* One byte more than asked for, so that buf_take() can end the text in place. */
    size_t want = b->len + n_bytes + 1;
    if (want > b->room) {
        size_t room = b->room ? b->room : BUF_FIRST_ROOM;
        while (room < want)
            room *= 2;
        if (room > cap + 1) /* nobody is charged for room that can never be used */
            room = cap + 1;
        char *grown = buf_resize(b, room);
        if (!grown) {
            b->is_failed = true;
            return NULL;
        }
        b->ptr = grown;
        b->room = room;
    }
    return b->ptr + b->len;
}

void buf_grow(struct buf *b, size_t n_bytes)
{
    ASSERT(b->len + n_bytes < b->room);
    b->len += n_bytes;
}

void buf_add(struct buf *b, const void *bytes, size_t n_bytes)
{
    char *at = buf_reserve(b, n_bytes);

    if (!at || !n_bytes)
        return;
    memcpy(at, bytes, n_bytes);
    b->len += n_bytes;
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.ptr, s.len);
}

void buf_add_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_add_fmt(struct buf *b, const char *fmt, ...)
{
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *at = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (at) {
        vsnprintf(at, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

struct slice buf_slice(const struct buf *b)
{
    return b->is_failed ? (struct slice){NULL, 0} : (struct slice){b->ptr, b->len};
}

void buf_trim(struct buf *b)
{
    char *sized = b->room > b->len + 1 ? buf_resize(b, b->len + 1) : NULL;

    if (sized) {
        b->ptr = sized;
        b->room = b->len + 1;
    }
}

void buf_drop_read(struct buf *b, size_t *n_read)
{
    if (!*n_read || *n_read < b->len - *n_read)
        return;
    memmove(b->ptr, b->ptr + *n_read, b->len - *n_read);
    b->len -= *n_read;
    *n_read = 0;
}

char *buf_take(struct buf *b)
{
    ASSERT(!b->account);
    char *at = buf_reserve(b, 0);
    char *text = NULL;

    if (at) {
        *at = '\0';
        /* It will be kept as it is: without the room to grow. */
        text = mem_try_resize(b->ptr, b->len + 1);
        if (!text)
            text = b->ptr;
        b->ptr = NULL;
    }
    buf_deinit(b);
    return text;
}

void held_buf_init(struct held_buf *b, size_t cap_bytes, struct account *account)
{
    b->b = (struct buf){.cap_bytes = cap_bytes, .account = account_ref(account)};
}

void held_buf_deinit(struct held_buf *b)
{
    buf_deinit(&b->b);
}

void held_buf_set(struct held_buf *b, struct slice bytes)
{
    buf_clear(&b->b);
    buf_add_slice(&b->b, bytes);
}

void held_buf_keep(struct held_buf *b)
{
    buf_trim(&b->b);
    held_keep(b->b.ptr);
}
