/* event_answer: rows of the journal, as they come, and the list they become, which a worker writes
 * when it is long. Hub loop. */
#pragma once
#include "base/list.h"
#include "loop/offload.h"

struct held_buf;
struct rpc_call;

struct event_answer {
    struct list pieces; /* struct piece, the newest rows first */
    size_t n_bytes;
    /* while it is written */
    struct job job;
    struct rpc_call *call;
    struct event_writing *writing;
    void (*done)(void *arg);
    void *arg;
};

void event_answer_init(struct event_answer *a);
void event_answer_deinit(struct event_answer *a);
void event_answer_add(struct event_answer *a, struct held_buf *rows); /* takes them over */
/* Answers the call with the rows, the oldest first, or says why not; then done. The answer stays
 * where it is until then. */
void event_answer_send(struct event_answer *a, struct rpc_call *call, void (*done)(void *arg),
                       void *arg);
