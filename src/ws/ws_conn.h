/* ws_conn: one WebSocket connection after its upgrade (RFC 6455), over a stream. Loop-owned; frees
 * itself when the transport is gone. Its owner (a peer) is told of an end it did not cause, once,
 * and forgets the connection right there.
 *
 *   OPEN --ws_close------------> CLOSING (close frame sent; reads on for the peer's)
 *     |----a rule was broken---> DEAF    (close frame sent; what still arrives is thrown away, so
 *     |                                   that no reset overtakes it)
 *     \----ws_drop, peer's close, transport failure---> GONE (stream finishing) */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/account.h"
#include "base/blob.h"
#include "base/msg.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "net/stream.h"
#include "wire/ws_frame.h"

struct ws_conn;
struct ws_partial;
struct ws_rest;

enum ws_end {
    WS_END_CLOSED,   /* the peer sent a close frame */
    WS_END_LOST,     /* the transport ended without one */
    WS_END_PROTOCOL, /* the peer broke RFC 6455: closed with 1002 or 1007 */
    WS_END_TOO_BIG,  /* a message above its cap: 1009 */
    /* a message its account refused: 1013; ws_conn.refused_by says for which limit */
    WS_END_NO_MEMORY,
    WS_END_SLOW,      /* did not read what was queued: 1013 */
    WS_END_HALF_OPEN, /* did not answer a ping */
    WS_END_TOO_SLOW,  /* a message that has begun came too slowly: 1008 */
};

struct ws_ops {
    /* Whole messages. The bytes are good for the call; a binary one may lie in `blob` (take a
     * reference to keep it) or, when blob is NULL, in the loop's scratch. The owner may close the
     * connection. */
    void (*on_text)(struct ws_conn *ws, struct slice text);
    void (*on_binary)(struct ws_conn *ws, struct slice frame, struct blob *blob);
    void (*on_pong)(struct ws_conn *ws);
    void (*on_end)(struct ws_conn *ws, enum ws_end why);
    /* More of a binary message that comes in parts, before on_binary; so_far is all there is of it.
     * Good for the call; nothing may be closed in it. NULL: not wanted. */
    void (*on_part)(struct ws_conn *ws, struct slice so_far);
};

enum ws_state { WS_OPEN, WS_CLOSING, WS_DEAF, WS_GONE };

struct ws_conn {
    /* const after init */
    struct stream *stream;
    /* loop only */
    const struct ws_ops *ops; /* NULL once the owner has been told or has let go */
    void *owner;
    /* holds a reference: charged for what is being received */
    struct account *account;
    /* a frame that is not complete yet, or a message of several; else NULL */
    struct ws_partial *partial;
    /* bytes that are read and wait for a turn with time for them; else NULL */
    struct ws_rest *rest;
    uint32_t max_message; /* the owner lowers it before login */
    uint32_t max_frame;   /* of one frame; at most max_message */
    struct timer timer;   /* liveness while OPEN, timeout while CLOSING */
    /* loop time of the last frame; of all these times the lower half */
    uint32_t last_in_ms;
    uint32_t ping_sent_ms;
    uint32_t slow_since_ms; /* of slow.c: from when on it counts what is taken */
    uint32_t slow_taken;    /* the lower half of what had been taken then */
    enum ws_state state : 8;
    bool is_pinged; /* a ping is unanswered */
    /* the socket has been full since the queue was last seen empty */
    bool is_full;
    bool is_paused;         /* by the owner */
    const char *refused_by; /* the option, a literal; NULL: none that is known */
};

/* Takes over a stream whose 101 has been queued. leftover: bytes read behind the request head; they
 * are handled in this call, so callbacks may come before it returns. Starts reading. */
struct ws_conn *ws_open(struct stream *stream, const struct ws_ops *ops, void *owner,
                        struct account *account, size_t max_message);
void ws_start(struct ws_conn *ws, struct slice leftover);
/* takes its own reference */
void ws_set_account(struct ws_conn *ws, struct account *account);

/* sealed; takes over the reference */
void ws_send(struct ws_conn *ws, struct msg *m);
void ws_send_text(struct ws_conn *ws, struct slice text);
void ws_ping(struct ws_conn *ws);
/* Sends a close frame behind what is queued; the reason is cut to 123 bytes of valid UTF-8. The
 * owner is let go: no callback follows. */
void ws_close(struct ws_conn *ws, unsigned code, struct slice reason);
/* no close frame; the owner is let go */
void ws_drop(struct ws_conn *ws);
/* stop reading: TCP holds the peer back */
void ws_pause(struct ws_conn *ws);
void ws_resume(struct ws_conn *ws);
/* While paused: whether there is more to read of the peer than has been. */
bool ws_has_more(const struct ws_conn *ws);
/* bytes its account holds of messages that are not whole, or not looked at */
size_t ws_arriving(const struct ws_conn *ws);
