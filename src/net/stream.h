/* stream: one accepted socket on its loop: bytes in by callback, messages out through a sendq that
 * is flushed once a turn. What lies between it and the socket is a transport (net/transport.h),
 * which its owner does not see. Lives on the heap so that an upgrade can hand it from HTTP to
 * WebSocket: the owner is whoever called stream_adopt last. Loop-owned.
 *
 *   OPEN --stream_finish--> FINISHING (flushing) --flushed--> CLOSING --closed--> on_closed, freed
 *     \------------------------stream_close-------------------^ */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/msg.h"
#include "loop/loop.h"
#include "loop/writable.h"
#include "net/sendq.h"

struct seat;
struct stream;
struct transport;

struct stream_ops {
    /* Bytes arrived. They may be changed in place (unmasking) and are gone after the call. The
     * owner may close the stream. */
    void (*on_read)(struct stream *s, char *bytes, size_t n_bytes);
    /* The peer closed its side (0) or the socket failed (negative UV_E*). Called at most once, not
     * after stream_close. An owner may go on sending after 0; when that fails, the stream closes by
     * itself. */
    void (*on_end)(struct stream *s, int error);
    /* The sendq is empty again after it was not; may be NULL. */
    void (*on_drained)(struct stream *s);
    /* Last callback; the stream is freed right after it. */
    void (*on_closed)(struct stream *s);
    /* Somebody else wants the place of a socket that is of no use now, and nothing has arrived on
     * it. True: it closes it. May be NULL: it stays. */
    bool (*on_evict)(struct stream *s);
    /* The socket takes no more for now. Nothing may be closed in it. May be NULL. */
    void (*on_full)(struct stream *s);
};

enum stream_state { STREAM_OPEN, STREAM_FINISHING, STREAM_CLOSING };

struct stream {
    /* const after init */
    struct loop *loop;
    /* loop only */
    struct list link;                  /* in loop->streams */
    uv_tcp_t tcp;                      /* its socket, watched and written to by libuv */
    const struct transport *transport; /* net/transport.h; tcp.data is its own */
    const struct stream_ops *ops;
    void *owner;       /* for ops */
    struct seat *seat; /* owned; NULL = not counted */
    struct sendq sendq;
    struct deferred flush;
    /* linked while there is more to read than it was let: libuv does not read meanwhile */
    struct deferred input;
    struct writable writable;
    uint64_t n_bytes_out; /* handed to the kernel */
    uint64_t n_bytes_in;
    /* loop time, its lower half, when the sendq was last empty or was last seen to shrink */
    uint32_t progress_ms;
    uint32_t read_bytes; /* of one read: less where its messages are much work */
    enum stream_state state : 8;
    /* the owner says: of somebody who has logged in, or of an operator: read before strangers */
    bool is_known;
    bool is_reading;
    bool is_waiting; /* for the socket to take more */
    bool has_ended;
    bool has_failed; /* by stream_fail, and its owner does not know yet */
    /* the sendq was empty since somebody last looked at this and made it false */
    bool has_drained;
};

/* Takes over the descriptor (closed on failure). Not reading yet. NULL: *ret_error has the
 * UV_E*. */
MUST_CHECK struct stream *stream_open(struct loop *loop, uv_os_sock_t fd,
                                      const struct stream_ops *ops, void *owner, int *ret_error);
/* holds it until it is closed */
void stream_take_seat(struct stream *s, struct seat *seat);
void stream_adopt(struct stream *s, const struct stream_ops *ops, void *owner);
void stream_read_start(struct stream *s); /* harmless when already reading or closing */
void stream_read_stop(struct stream *s);
/* Takes over the reference; dropped unless OPEN. False: its receiver is to pay and cannot. */
bool stream_send(struct stream *s, struct msg *m);
/* Copies the bytes into a message of their own. False when memory is exhausted. */
MUST_CHECK NONNULL(3) bool stream_send_bytes(struct stream *s, struct slice bytes,
                                             struct account *account);
/* sends what is queued, then closes; further sends are dropped */
void stream_finish(struct stream *s);
/* at once; queued messages are dropped. Harmless when closing */
void stream_close(struct stream *s);
/* as stream_close, with a TCP reset instead of a FIN */
void stream_reset(struct stream *s);
/* As if the peer had failed: the owner hears on_end(UV_ENOBUFS) at the end of the turn, and not
 * before, so that sending never ends anything under the sender's feet. What is sent meanwhile is
 * dropped. False: it is ending anyway. */
bool stream_fail(struct stream *s);
/* Ends every stream of a loop as if each peer had failed: owners hear on_end(UV_ECANCELED). For the
 * end of a drain. */
void stream_end_all(struct loop *loop);
/* Milliseconds for which queued bytes have made no progress that was looked for; 0 when the queue
 * is empty. */
uint64_t stream_stalled_ms(struct stream *s);
/* Whether something has arrived that nobody has read yet. */
bool stream_has_input(const struct stream *s);
/* Bytes the peer's machine has acknowledged so far. */
uint64_t stream_bytes_taken(const struct stream *s);
/* From here on a peer whose machine acknowledges nothing for so long has failed, as if it had reset
 * the connection (RFC 5482; without it the kernel tries for a quarter of an hour). Only what is
 * sent can go unacknowledged. */
void stream_set_timeout(struct stream *s, uint64_t ms);
/* Its socket; -1 once it is closing. */
static inline int stream_fd(const struct stream *s)
{
    uv_os_fd_t fd;

    return uv_fileno((const uv_handle_t *)&s->tcp, &fd) == 0 ? fd : -1;
}
/* Whom it is connected to, IPv4 in its mapped form; all zero when not known. A socket the peer has
 * reset tells no more. */
struct in6_addr stream_peer(const struct stream *s);
