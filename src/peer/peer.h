/* peer: one RPC client behind a connection: who it is, what it may send, what it has subscribed to.
 * Lives on the loop of its connection; the hub and the rest of the world know its handle.
 *
 *   GREETING --first message--> JOINING --admitted--> OPEN --end--> freed
 *      \--timeout, refusal--------\----------------------> freed */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/user.h"
#include "base/list.h"
#include "base/map.h"
#include "base/ring.h"
#include "loop/loop.h"
#include "peer/peer_log.h"
#include "router/router.h"
#include "wire/rpc_header.h"

struct frame_scan;
struct hub;
struct rate_counter;
struct peer;
struct speaker;
struct uploads;
struct watcher;

/* The peers of one loop, and what they share. */
struct peer_loop {
    /* const after start */
    struct loop *loop;
    struct router *router;
    /* its const fields, and its loop to post to; never its state */
    struct hub *hub;
    /* loop only */
    /* struct peer.link of JOINING and OPEN; those GREETING stand in the leases */
    struct list peers;
    /* struct peer.held: not read because too much of theirs is undelivered */
    struct list held;
    struct deferred look; /* looks at `held` at the end of a turn */
    struct timer look_again;
    struct list drawing;    /* struct peer.drawing */
    struct timer settle;    /* running while there are some */
    struct list waiting;    /* struct waiting of login_queue.c */
    struct deferred starts; /* gives them their places */
    size_t n_waiting;
    unsigned n_logins; /* GREETING and JOINING */
    /* struct refresh.link of refresh.c: who waits for a new reconnection token */
    struct list refreshes;
    struct deferred refresh;     /* gives them theirs */
    struct map watched, watches; /* of watch.c */
    struct router_watcher on_gone;
    bool is_draining;
};

/* How a peer is reached: a WebSocket, or an HTTP stream. The rest of the house does not know which.
 * Loop of the peer. */
struct peer_transport {
    const char *name;              /* in the log */
    enum metric open, established; /* the figures of its kind */
    /* A sealed message; takes over the reference. Never ends the peer in this call: one that is too
     * slow to keep ends with the turn, so that whoever sends may go on with what it has. */
    void (*send)(struct peer *p, struct msg *m);
    /* A control map, as JSON. */
    void (*send_text)(struct peer *p, struct slice json);
    /* Who may act for the peer (peer/speaker.h). NULL: it has a socket, and whatever comes over it
     * is its own. */
    struct speaker *(*speaker)(const struct peer *p);
    /* stop reading what it sends, or go on */
    void (*hold)(struct peer *p, bool is_held);
    /* a sign of life is wanted: told by liveness_settle() */
    void (*ping)(struct peer *p);
    /* since it was last heard; 0 while it is held back */
    uint64_t (*silent_ms)(const struct peer *p);
    size_t (*waiting)(const struct peer *p); /* bytes it has not taken yet */
    /* bytes its account holds for what is not all there; NULL: none */
    size_t (*arriving)(const struct peer *p);
    /* while it is held back: it has sent more than has been read */
    bool (*has_more)(const struct peer *p);
    /* p->account and p->user are its final ones, larger messages may come */
    void (*admitted)(struct peer *p);
    /* Say no (outcome: of a connect request), or goodbye, and let go of the peer: no callback
     * follows. */
    void (*refuse)(struct peer *p, int outcome, unsigned code, struct slice text);
    void (*close)(struct peer *p, unsigned code, struct slice reason);
};

enum peer_state { PEER_NEW, PEER_AUTHORIZING, PEER_OPEN };

struct peer {
    /* loop only */
    struct endpoint endpoint;
    struct list link, held, liveness_checks;
    /* linked: its account may hold more of its parents' than is under way */
    struct list drawing;
    /* what its account keeps for this record and what it owns */
    size_t n_kept;
    struct peer_loop *pl;
    const struct peer_transport *via;
    void *conn; /* of the transport; NULL once it has let go, or ended */
    /* of the client, said by the connection or a trusted proxy; all zero: not known */
    struct in6_addr address;
    struct timer timer;      /* first message, then silence */
    struct timer rate_timer; /* running while the message rate holds it back */
    /* holds a reference; a leaf: what this peer has under way */
    struct account *account;
    /* messages that arrived before connection_info was sent */
    struct ring early;
    /* bits: there is one of these records for every connection */
    enum peer_state state : 8;
    bool is_held : 1, is_rate_held : 1; /* why it is not read */
    bool is_read_only : 1;              /* from JOINING on */
    /* it ends: its account holds no more answers, and it takes none */
    bool is_overdrawn : 1;
    /* of refresh.c: loop time at which it may ask as often as a new one */
    uint32_t refresh_whole_s;
    /* from JOINING on */
    struct user *user;
    char *full_id;                     /* owned, "ws/client" */
    struct slice workspace, client_id; /* inside full_id */
    uint64_t generation;
    /* holds a reference, or NULL: counts what it sends */
    struct rate_counter *meter;
    /* owned: the encoded pairs ws, from, user of every frame it sends */
    char *sender_header_bytes;
    struct rpc_sender_header sender_header;
    char **subscriptions; /* owned */
    uint32_t n_subscriptions;
    uint32_t since_s; /* loop time when it came, or was admitted */
    /* owned, of watch.c: the foreign clients whose end it is told of; NULL: none so far */
    struct watcher *watcher;
    /* owned, of uploads.c: what others send it in chunks; NULL: nothing */
    struct uploads *uploads;
    /* held: of the frame that is arriving; NULL: none, or a short one */
    struct frame_scan *scan;
    double tokens; /* of the message rate */
    uint64_t tokens_ms;
};

/* What its endpoint wants; the function by which peer_find knows the endpoints of peers. */
bool peer_wants(struct endpoint *e, struct slice type);
/* NULL when gone; only for handles of peers */
struct peer *peer_find(struct loop *l, struct handle h);
/* A message for it goes its way: to its connection, or to what waits for that. Takes over the
 * reference. */
void peer_hand_over(struct peer *p, struct msg *m);
/* Called when something it owns has changed: its account keeps that. */
void peer_account_for(struct peer *p);
/* Hangs it on another account, whose reference it takes over; keeps nothing there yet. */
void peer_move(struct peer *p, struct account *account);
/* GREETING to JOINING: it has said who it is. */
void peer_joins(struct peer *p);
