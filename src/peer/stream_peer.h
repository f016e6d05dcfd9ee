/* stream_peer: a peer behind an HTTP stream: GET /rpc carries what it is told, each POST /rpc one message of it. For clients
 * that cannot open a WebSocket. (wire-protocol 5; workspaces-and-auth 4.2, D-05 to D-07, D-33) */
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

struct blob;
struct peer;
struct peer_transport;

/* Handlers of /rpc; arg: array of peer loops by loop index. */
void stream_on_get(struct http_request *req, void *arg);
void stream_on_post(struct http_request *req, void *arg);

/* The room's own. What such a peer is connected by; p->conn. Loop of the stream. */
struct stream_peer {
    struct peer *peer;
    struct http_ticket ticket;      /* of the GET; dead once on_gone has been called */
    struct timer ping;              /* running while open */
    uint64_t sent_ms;               /* when something was last written */
    struct deferred later;          /* answers probes, goes on with held posts */
    struct list posts;              /* struct post.link, in order: held back by pressure, or not taken since */
    struct speaker speaker;         /* who may post */
    struct expiry expiry;           /* running while open, when what it was opened by expires */
    struct held_buf headers;             /* of the response, until it begins */
    bool is_reconnection, is_held, is_probed;
};
extern const struct peer_transport stream_transport;

enum { POST_OK, POST_NO_STREAM, POST_FORBIDDEN, POST_EXPIRED, POST_BLOCKED, POST_MALFORMED };
struct post;
/* Handles the body of a post, if who sent it may act for the peer; may end the peer. Not POST_NO_STREAM. */
int stream_take_post(struct peer *p, struct post *post);
void post_answer(struct post *post, int outcome);       /* from the stream's loop; the post is gone */
struct post *post_of(struct list *link);
struct slice post_body(const struct post *post);
/* The body of a long one, which the account pays for from now on. NULL: it refuses. */
struct blob *post_take_body(struct post *post, struct account *account);
int post_tail(const struct post *post);     /* of struct peer_frame; PEER_TAIL_NEW: nobody has looked at it, and it is short */
const struct speaker_proof *post_shown(const struct post *post);
