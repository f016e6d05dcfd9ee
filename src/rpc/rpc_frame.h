/* rpc_frame: the frames a host originates. Private to rpc; loop-owned. */
#pragma once
#include "rpc/host.h"

struct frame {
    struct slice to;              /* absolute */
    struct slice method, suffix;  /* the path is both, one behind the other */
    struct slice session, parent; /* empty: key left out */
    struct slice body[3];         /* segment 2 in up to three runs; all empty: none */
    /* The end of its last value, which may be long: it stays in the blob, which is not copied. A
     * host reads it in two forms (payload.h): all of `args`, or the one value of an answer. Empty:
     * none. */
    struct slice tail;
    struct blob *blob; /* borrowed for the call */
    /* of the answer: the asker's; of a call: the host's, or of whom it asks for. Borrowed */
    struct account *payer;
};

/* Stamped with the host's from, ws and user, sealed, ready for router_send. NULL: no memory, or the
 * account refused. */
MUST_CHECK struct msg *frame_new(struct rpc_host *h, const struct frame *f);

enum { FRAME_SENT, FRAME_NO_PEER, FRAME_NO_MEMORY };
/* Builds and sends one frame as it is, however large. */
MUST_CHECK int frame_send(struct rpc_host *h, const struct frame *f);
/* For answers: when the target is gone it is dropped, and when its account has no room, the
 * target's endpoint is told. */
void frame_send_or_drop(struct rpc_host *h, const struct frame *f);
bool frame_is_large(const struct msg *m); /* must travel in chunks */
/* bytes of a value that are copied rather than shared */
enum { FRAME_COPIED_MOST = 32 * 1024 };
