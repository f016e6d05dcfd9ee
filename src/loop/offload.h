/* offload: what may block, or is long, runs on threads beside the loops and comes back to its loop.
 * Work is of classes, and each class has threads and a queue of its own: a flood of one leaves the
 * others what they had. */
#pragma once
#include <stddef.h>

#include "loop/loop.h"

enum offload_class {
    /* files and databases. A store has one under way at a time: never refused */
    OFFLOAD_STORE,
    /* signatures and passwords. Who sends them has limits of its own: never refused */
    OFFLOAD_CRYPTO,
    OFFLOAD_BULK, /* bodies and answers: unzipping, reading, writing, compressing */
    OFFLOAD_CLASSES
};

enum { OFFLOAD_OK, OFFLOAD_FULL };

struct offload_share {
    unsigned n_threads;
    size_t n_waiting; /* jobs that wait for a thread, at most; 0 = any number */
};

struct job {
    struct mail mail; /* back to the loop */
    struct job *next; /* in the queue of its class */
    struct loop *loop;
    enum offload_class class;
    /* for somebody who has not logged in: comes behind others', and has a part of the places
     * only */
    bool is_stranger;
    void (*work)(struct job *job); /* on a worker: touches nothing of the loop */
    void (*done)(struct job *job); /* on the loop; frees the job */
};

/* Loop thread. Jobs of one loop may finish in any order; the loop ends only when those it has sent
 * are done. OFFLOAD_FULL: as many wait as may, of all or of strangers; nothing has been done with
 * the job. Set class, work and done before. */
MUST_CHECK int offload(struct loop *l, struct job *job);

/* Of a loop set, before its first job; threads begin with the first jobs of their class. */
void offload_set_shares(struct loop_set *set, const struct offload_share shares[OFFLOAD_CLASSES]);

/* For mem_trim(): each worker, as soon as it is idle, hands over the freed blocks it keeps for
 * itself; then what has been handed over is taken. Any thread, one at a time, in turns. */
struct mem_kept;
void offload_ask_kept(struct loop_set *set);
enum { OFFLOAD_KEPT_MAX = 3 * 64 };
size_t offload_take_kept(struct loop_set *set, struct mem_kept *ret_chains[OFFLOAD_KEPT_MAX]);
size_t offload_n_kept(struct loop_set *set); /* chains that came after the last taking */

/* This room's own. */
struct offload *offload_new(void);
/* ends the threads, when what was sent is done; returns NULL */
struct offload *offload_free(struct offload *o);
