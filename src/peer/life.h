/* life: how a peer begins, and the ways it ends. Whatever ends it, the order is the same: no more
 * callbacks from the connection, no more deliveries, the hub told, memory freed. Loop of the peer,
 * but for what is marked. */
#pragma once
#include <stddef.h>

#include "base/slice.h"
#include "loop/slots.h"
#include "peer/peer_log.h"

struct account;
struct hub;
struct loop;
struct msg;
struct peer;
struct peer_loop;
struct peer_transport;
struct router;

void peer_loop_init(struct peer_loop *pl, struct loop *loop, struct router *router,
                    struct hub *hub);
void peer_loop_deinit(struct peer_loop *pl);
/* new ones, and those that wait, are refused with 503 from here on */
void peer_loop_refuse(struct peer_loop *pl);
/* Closes every peer, or at most n of them (0 = all); new ones are refused with 503 from here on.
 * Returns how many are left. Loop thread. */
size_t peer_loop_drain(struct peer_loop *pl, size_t n, unsigned code, struct slice reason);

/* GREETING, its login timer running; the caller gives it its conn. payer: of its client's address,
 * until it is logged in. */
struct peer *peer_new(struct peer_loop *pl, const struct peer_transport *via,
                      struct account *payer);
/* Ends it when the transport has let go: detaches, tells the hub, frees. The log is told by the
 * caller. */
void peer_free(struct peer *p);
/* The transport has ended: the log is told why, and the rest as above. */
void peer_gone(struct peer *p, const char *why);
/* Its account has no room for an answer. refusal, charged to the server, says so (NULL: not even
 * that): a peer that has taken all it was sent is told; one that leaves bytes lying is closed as a
 * slow consumer. Takes over the reference; ends nothing before the caller has returned. */
void peer_overdrawn(struct peer *p, struct msg *refusal);
struct peer_refusal {        /* borrowed for the call */
    int outcome;             /* JOIN_*, of a login */
    unsigned code;           /* of the close frame */
    struct slice text;       /* told to the client, and to the log */
    const char *rule;        /* for the log; of a login */
    struct peer_claim claim; /* of a login: who it said it was */
};
/* {"type":"error","message":text}, then the end; of a login, or of a peer that is in. */
void peer_refuse(struct peer *p, const struct peer_refusal *refusal);
/* From the hub loop: closes the connection of that handle. The reason is copied, and cut to what a
 * close frame holds. */
void peer_dismiss(struct hub *h, struct handle peer, unsigned code, const char *reason);
