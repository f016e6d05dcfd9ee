/* loop: one thread, its libuv loop, and the one door by which other threads reach it.
 *
 * A turn:  ... poll: sockets, inbox ... -> prepare: mail, mail to self, deferred work, outboxes,
 * input that waits, work that goes on -> poll ...
 *
 * Everything written during a turn leaves together at its end: one write per connection, one bell
 * per loop.
 *
 * No turn takes longer than a few milliseconds, whatever there is to do. Each part of it (what poll
 * found, timers, mail, input, work that goes on, deferred work) has an allowance; what is left when
 * that is used up waits for the next turn, in order. Each mail, read and piece of work has a small
 * share of it: one that may be long asks loop_is_late() as it goes, and goes on by loop_again(). */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/metrics.h"
#include "loop/slots.h"
#include "loop/timer.h"

struct account;
struct config;
struct loop;
struct offload;

/* A mail belongs to its sender until posted, then to the receiving loop; run() frees it. Embed it
 * first in your own struct. */
struct mail {
    struct mail *next;
    void (*run)(struct loop *loop, struct mail *mail);
};

/* Work to do once at the end of this turn, or of a later one when this turn's time is over. Embed
 * it; linking twice is harmless. */
struct deferred {
    struct list link;
    void (*run)(struct deferred *d);
};

struct outbox {
    struct mail *first, *last;
};

struct loop_set {
    unsigned n_loops;   /* const after init */
    struct loop *loops; /* const after init: array, owned */
    /* const after init: owned; the threads beside the loops */
    struct offload *offload;
};

enum { LOOP_SCRATCH = 64 * 1024 };

struct loop {
    /* const after init */
    struct loop_set *set;
    unsigned index;
    pthread_t thread; /* set by the thread itself before anything runs on it */
    pthread_t join;   /* starter's copy */
    uv_loop_t uv;
    /* loop only */
    /* by loop_config(); swapped by a mail at reload, set before the loops start */
    const struct config *config;
    /* a leaf of the server's own account: pays for what is nobody's; other threads:
     * account_shared() */
    struct account *own;
    struct list streams;     /* every open stream of this loop (net's) */
    struct list children;    /* programs it has started (child's) */
    struct outbox *outboxes; /* one per loop of the set; own index: mail to self */
    struct list deferred;    /* at the end of this turn */
    struct list large;       /* the same, for what takes long: after it */
    struct list last;        /* the same, for strangers: after all else */
    struct list again;       /* work that goes on when others have had theirs */
    /* streams (net's) poll has found when there was no time left to read them */
    struct list input;
    struct slots slots;
    struct timers timers;
    uv_prepare_t flush;
    uv_poll_t writable; /* of writable_fd */
    int writable_fd;    /* an epoll: sockets that are to take more */
    uv_poll_t bell;     /* of bell_fd */
    /* active while work waits on a private list: poll must not block */
    uv_idle_t busy;
    /* drained from the inbox, over this turn's budget */
    struct mail *backlog, *backlog_last;
    bool is_stopping;
    /* sent to workers and not done: it ends when there are none */
    size_t n_jobs;
    uint64_t turn_ended_ns, idle_ns;
    /* the thread's CPU time when last read; how long the loop has been busy since */
    uint64_t cpu_ns, unread_ns;
    /* of this part of the turn; 0: nobody has asked yet */
    uint64_t allowance_ns, part_began_ns;
    uint64_t item_late_at_ns; /* of this mail, read or piece of work; the same */
    bool is_late;             /* this part of the turn was, when last asked */
    /* LOOP_SCRATCH bytes every stream of this loop reads into */
    char *scratch;
    /* any thread */
    _Atomic(struct mail *) inbox;
    /* an eventfd. Not uv_async_t: in the versions we run with, the loop spins until whoever rings
     * has rung to the end, and a thread of lower priority may not come to that for long */
    int bell_fd;
    struct metrics metrics; /* written by this loop, read by any */
};

#define LOOP_ASSERT(l) ASSERT(pthread_equal((l)->thread, pthread_self()))

/* What the options are for this loop. From its own thread only: another loop may have a later set
 * already, and this one be gone the next moment. What is read of it does not outlive the turn. */
static inline const struct config *loop_config(const struct loop *l)
{
    LOOP_ASSERT(l);
    return l->config;
}

/* Creates n loops, not yet running. 0 or a negative UV_E*. */
MUST_CHECK int loop_set_init(struct loop_set *set, unsigned n_loops);
/* Before they run: what the loops hold of their own is charged to leaves of this account from here
 * on. */
void loop_set_pay(struct loop_set *set, struct account *own);
MUST_CHECK int loop_set_start(struct loop_set *set); /* starts the threads */
/* Asks every loop to stop and joins the threads: each loop runs until its own handles are closed.
 * Not from a loop's thread. */
void loop_set_stop(struct loop_set *set);
/* After loop_set_stop, on any one thread: runs the mail that came too late. That thread is the
 * loops' thread from then on, so what the loops own can be taken apart by its own functions before
 * loop_set_deinit, which buries too, frees the loops. */
void loop_set_drain_after_stop(struct loop_set *set);
void loop_set_deinit(struct loop_set *set);

/* Posts from loop `from` (its thread) to loop `to` (may be the same): delivered in order per
 * sender, after the caller has returned; to the same loop before any work that is deferred
 * later. */
void loop_post(struct loop *from, struct loop *to, struct mail *mail);
/* Posts from a thread that is no loop (main, accept). */
void loop_post_outside(struct loop *to, struct mail *mail);
void loop_defer(struct loop *l, struct deferred *d); /* loop thread */
/* the same, after it: thousands of large ones hold up none of the others */
void loop_defer_large(struct loop *l, struct deferred *d);
/* the same, after all other: what strangers are sent */
void loop_defer_last(struct loop *l, struct deferred *d);
/* In a later turn: for work that goes on when others have had theirs. They take turns. Loop
 * thread. */
void loop_again(struct loop *l, struct deferred *d);
/* As loop_again, for a socket that has not been read yet: before all work that goes on. Loop
 * thread. */
void loop_input_later(struct loop *l, struct deferred *d);
/* Whether this part of the turn has used up its time, or whoever asks has had a share of it: stop,
 * and go on by loop_again(). Asked by everything that handles many things in a row. What it says of
 * the part stays in l->is_late until the next part begins, so that those around it need no clock.
 * By the wall clock, which is never behind the thread's CPU clock and costs a tenth of it. Loop
 * thread. */
bool loop_is_late(struct loop *l);
/* Another has its share from here on. For those who call others in a row without a deferred or a
 * mail. Loop thread. */
static inline void loop_begin_item(struct loop *l)
{
    l->item_late_at_ns = 0;
}
/* A socket that poll has found is to be read. True: there is no time for it in this part of the
 * turn, which is longer for those who have logged in. Loop thread. */
MUST_CHECK bool loop_begin_read(struct loop *l, bool is_known);
/* This room's own. */
/* the clock starts when somebody asks */
void loop_begin_part(struct loop *l, unsigned allowance_us);
void loop_job_ended(struct loop *l);
/* a figure of all loops together; any thread */
int64_t loop_set_sum(const struct loop_set *set, enum metric id);
static inline uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}
static inline void loop_count(struct loop *l, enum metric id, int64_t n)
{
    metric_add(&l->metrics, id, n);
}
