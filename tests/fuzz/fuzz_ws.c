/* Any bytes as what a client sends after the upgrade: cut into pieces of any length they are the
 * same messages, the same answers and the same end as in one piece. The first byte of the input is
 * the length of the pieces and, in its two upper bits, what the owner does at the first message. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"
#include "config/config.h"
#include "fuzz/fuzz.h"
#include "ws/ws_conn.h"
#include "ws/ws_inbound.h"

enum { MESSAGE_MAX = 600, PIECE_BITS = 0x3f };
enum owner_act { OWNER_LISTENS, OWNER_CLOSES, OWNER_DROPS, OWNER_FAVOURS_LESS };

struct owner {
    struct buf told; /* what it heard, in words */
    size_t n_delivered;
    enum owner_act act;
    bool has_heard, has_ended;
};

static void act(struct ws_conn *ws, struct owner *o)
{
    if (o->has_heard)
        return;
    o->has_heard = true;
    if (o->act == OWNER_CLOSES)
        ws_close(ws, 1000, SLICE_LIT("enough"));
    else if (o->act == OWNER_DROPS)
        ws_drop(ws);
    else if (o->act == OWNER_FAVOURS_LESS)
        ws->max_message = MESSAGE_MAX / 8;
}

static void hear(struct ws_conn *ws, const char *kind, struct slice data)
{
    struct owner *o = ws->owner;

    ASSERT(!o->has_ended && data.len <= ws->max_message);
    o->n_delivered += data.len;
    buf_add_fmt(&o->told, "%s %zu ", kind, data.len);
    buf_add_slice(&o->told, data);
    act(ws, o);
}

static void on_text(struct ws_conn *ws, struct slice text)
{
    ASSERT(slice_is_utf8(text));
    hear(ws, "text", text);
}

static void on_binary(struct ws_conn *ws, struct slice frame, struct blob *blob)
{
    ASSERT(!blob || (frame.ptr >= blob->data && frame.ptr + frame.len <= blob->data + blob->len));
    hear(ws, "binary", frame);
}

static void on_pong(struct ws_conn *ws)
{
    struct owner *o = ws->owner;

    ASSERT(!o->has_ended);
    buf_add_text(&o->told, "pong ");
}

static void on_end(struct ws_conn *ws, enum ws_end why)
{
    struct owner *o = ws->owner;

    ASSERT(!o->has_ended);
    o->has_ended = true;
    buf_add_fmt(&o->told, "end %d ", (int)why);
}

static const struct ws_ops ops = {
    .on_text = on_text, .on_binary = on_binary, .on_pong = on_pong, .on_end = on_end};

/* One loop for all inputs, driven by this thread. */
static struct loop *the_loop(void)
{
    static struct config config = {
        .max_message_bytes = 1 << 20, .sendq_bytes = 1 << 20, .sendq_frames = 1 << 20};
    static struct loop_set set;

    if (!set.loops) {
        int r = loop_set_init(&set, 1);
        ASSERT(r == 0);
        set.loops[0].config = &config;
    }
    return &set.loops[0];
}

/* What waits to be sent: pongs and the close frame. */
static void add_answers(const struct stream *s, struct buf *out)
{
    for (size_t i = 0; i < s->sendq.msgs.n_items; i++)
        buf_add_slice(out, msg_framed_head(ring_at(&s->sendq.msgs, i)));
}

static void no_read(struct stream *s, char *bytes, size_t n_bytes)
{
    (void)s;
    (void)bytes;
    (void)n_bytes;
}

/* Each piece lies in a block of its own, so that a sanitizer sees a read past its end. */
static void feed(struct ws_conn *ws, struct slice in, size_t piece)
{
    while (in.len) {
        size_t n = in.len < piece ? in.len : piece;
        char *block = malloc(n);
        ASSERT(block);
        memcpy(block, in.ptr, n);
        for (size_t at = 0; at < n;)
            at += ws_inbound(ws, block + at, n - at);
        free(block);
        in = slice_from(in, n);
    }
}

static void run(struct slice in, size_t piece, struct owner *o)
{
    static const struct stream_ops before = {.on_read = no_read};
    struct loop *loop = the_loop();
    int fds[2], error;
    int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);

    ASSERT(r == 0);
    struct stream *s = stream_open(loop, fds[0], &before, NULL, &error);
    ASSERT(s);
    struct account *account = account_new(NULL, ACCOUNT_PEER, 0);
    struct ws_conn *ws = ws_open(s, &ops, o, account, MESSAGE_MAX);
    feed(ws, in, piece);
    ASSERT(o->n_delivered <= in.len);
    ASSERT(!o->has_ended || ws->state != WS_OPEN);
    buf_add_fmt(&o->told, "state %d ", (int)ws->state);
    if (s->state != STREAM_CLOSING)
        add_answers(s, &o->told);
    ws_drop(ws);
    while (!list_is_empty(&loop->streams))
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    ASSERT(account_used(account) == 0);
    account_unref(account);
    close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct owner whole = {.has_heard = false}, pieces = {.has_heard = false};

    if (n_bytes < 2)
        return 0;
    struct slice in = slice_make(bytes + 1, n_bytes - 1);
    whole.act = pieces.act = (enum owner_act)(bytes[0] >> 6);
    buf_init(&whole.told, 0);
    buf_init(&pieces.told, 0);
    run(in, in.len, &whole);
    run(in, 1 + (bytes[0] & PIECE_BITS), &pieces);
    ASSERT(slice_eq(buf_slice(&whole.told), buf_slice(&pieces.told)));
    buf_deinit(&whole.told);
    buf_deinit(&pieces.told);
    return 0;
}
