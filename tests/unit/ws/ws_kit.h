/* ws_kit: one WebSocket connection over a socket pair; the test is the client and writes raw bytes.
 * What the owner hears becomes one line of words. */
#pragma once
#include "base/buf.h"
#include "unit/net/turns.h"
#include "unit/ws/ws_kit_frame.h"
#include "ws/ws_conn.h"

enum { KIT_MESSAGE_MAX = 100000 };

struct kit {
    struct turns t;
    struct account *account;
    struct ws_conn *ws;
    int fd;           /* the client's end */
    struct buf heard; /* "text:abc binary:3 pong end:0 " */
    struct buf got;   /* what the client has read */
    bool is_open, has_eof;
    bool wants_close; /* the owner closes at the next message */
};

static void kit_on_text(struct ws_conn *ws, struct slice text)
{
    struct kit *k = ws->owner;

    buf_add_fmt(&k->heard, "text:" SLICE_FMT " ", SLICE_ARG(text));
    if (k->wants_close)
        ws_close(ws, 1000, SLICE_LIT("enough"));
}

static void kit_on_binary(struct ws_conn *ws, struct slice frame, struct blob *blob)
{
    struct kit *k = ws->owner;

    CHECK(!blob || frame.ptr == blob->data);
    if (frame.len > 64)
        buf_add_fmt(&k->heard, "binary#%zu ", frame.len);
    else
        buf_add_fmt(&k->heard, "binary:" SLICE_FMT " ", SLICE_ARG(frame));
}

static void kit_on_pong(struct ws_conn *ws)
{
    buf_add_text(&((struct kit *)ws->owner)->heard, "pong ");
}

static void kit_on_end(struct ws_conn *ws, enum ws_end why)
{
    struct kit *k = ws->owner;

    buf_add_fmt(&k->heard, "end:%d ", (int)why);
    k->ws = NULL;
}

static void kit_no_closed(struct stream *s)
{
    (void)s;
}

/* The configuration may be changed between kit_init and kit_open. */
static inline void kit_init(struct kit *k)
{
    memset(k, 0, sizeof(*k));
    turns_init(&k->t, 1);
    buf_init(&k->heard, 0);
    buf_init(&k->got, 0);
    k->account = account_new(NULL, ACCOUNT_PEER, 0);
}

static inline void kit_open(struct kit *k)
{
    static const struct ws_ops ops = {kit_on_text, kit_on_binary, kit_on_pong, kit_on_end};
    static const struct stream_ops none = {.on_closed = kit_no_closed};
    int fds[2], error;

    turns_pair(fds);
    k->fd = fds[1];
    struct stream *s = stream_open(k->t.loop, fds[0], &none, NULL, &error);
    CHECK(s != NULL);
    k->ws = ws_open(s, &ops, k, k->account, KIT_MESSAGE_MAX);
    ws_start(k->ws, (struct slice){NULL, 0});
    k->is_open = true;
    buf_clear(&k->heard);
    buf_clear(&k->got);
    k->has_eof = false;
}

/* Ends what is left of the connection and reads the rest. */
static inline void kit_close(struct kit *k)
{
    if (k->ws)
        ws_drop(k->ws);
    k->ws = NULL;
    close(k->fd);
    TURNS_UNTIL(&k->t, list_is_empty(&k->t.loop->streams));
    CHECK_INT(account_used(k->account), 0);
    k->is_open = false;
}

static inline void kit_deinit(struct kit *k)
{
    if (k->is_open)
        kit_close(k);
    turns_deinit(&k->t);
    account_unref(k->account);
    buf_deinit(&k->heard);
    buf_deinit(&k->got);
}

static inline void kit_read(struct kit *k)
{
    char room[4096];
    ssize_t n;

    while ((n = recv(k->fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
        buf_add_slice(&k->got, slice_make(room, (size_t)n));
    k->has_eof = k->has_eof || n == 0;
}

static inline void kit_send(struct kit *k, struct slice bytes)
{
    while (bytes.len) {
        ssize_t n = send(k->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            bytes = slice_from(bytes, (size_t)n);
        turns_run(&k->t);
    }
    turns_run(&k->t);
}

static inline void kit_send_frame(struct kit *k, uint8_t first, struct slice payload)
{
    struct buf b;

    buf_init(&b, 0);
    kit_frame(&b, first, payload, true);
    kit_send(k, buf_slice(&b));
    buf_deinit(&b);
}

#define KIT_HEARD(k, words) CHECK_BYTES((k)->heard.ptr, (k)->heard.len, words, sizeof(words) - 1)
#define KIT_GOT(k, bytes)                                                                          \
    do {                                                                                           \
        TURNS_UNTIL(&(k)->t, (kit_read(k), (k)->got.len >= sizeof(bytes) - 1));                    \
        CHECK_BYTES((k)->got.ptr, (k)->got.len, bytes, sizeof(bytes) - 1);                         \
    } while (0)
