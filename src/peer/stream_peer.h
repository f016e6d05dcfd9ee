/* stream_peer: a peer behind an HTTP stream: GET /rpc carries what it is told, each POST /rpc one
 * message of it. For clients that cannot open a WebSocket. (D-05 to D-07, D-33) */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/slice.h"
#include "http/request.h"
#include "loop/loop.h"
#include "peer/expiry.h"
#include "peer/speaker.h"

struct peer;
struct peer_transport;

/* Handler of GET /rpc; arg: array of peer loops by loop index. */
void stream_on_get(struct http_request *req, void *arg);

/* The room's own. What such a peer is connected by; p->conn. Loop of the stream. */
struct stream_peer {
    struct peer *peer;
    struct http_ticket ticket; /* of the GET; dead once on_gone has been called */
    struct timer ping;         /* running while open */
    uint64_t sent_ms;          /* when something was last written */
    struct deferred later;     /* answers liveness checks, goes on with held posts */
    /* struct post.link (peer/post.h), in order: held back by pressure, or not taken since */
    struct list posts;
    struct speaker speaker; /* who may post */
    /* running while open, when what it was opened by expires */
    struct expiry expiry;
    bool is_reconnection, is_held, is_liveness_checked;
};
extern const struct peer_transport stream_transport;
