/* child: a program beside the server, as one object of a loop: it is started on a worker, talks
 * through three pipes under flow control, and ends in exactly one call of on_end, however that came
 * about. Whoever reads less than it writes pauses it; what it does not read is bounded. A program
 * that does not end when asked is killed, and so is what it leaves behind in its process group.
 * Loop thread, all of it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "loop/child_step.h"
#include "loop/spawn.h"

struct account;
struct child;
struct loop;

enum child_stream { CHILD_INPUT, CHILD_OUTPUT, CHILD_ERRORS };
enum { CHILD_OK, CHILD_FULL, CHILD_CLOSED, CHILD_NO_ROOM };
enum {
    CHILD_INPUT_MAX = 256 * 1024, /* bytes that it has not read yet */
    CHILD_KILL_AGAIN_MS = 5000,   /* between two SIGKILL, should one not be enough */
    CHILD_DRAIN_MS = 1000,        /* after its end, for what holds its pipes open */
};

struct child_end {
    /* stage SPAWN_RUNS: it was started, and `ending` says how it ended; else it never was */
    struct spawn_failure failure;
    struct spawn_ending ending;
    bool was_asked; /* by child_stop or child_kill, before it had ended */
};

/* None but child_abandon, child_start and what is said of each may be called for a child from its
 * on_end. */
struct child_ops {
    void (*on_started)(void *owner);
    /* From its output or its errors, as they come; bytes are borrowed for the call. */
    void (*on_output)(void *owner, enum child_stream from, struct slice bytes);
    /* after CHILD_FULL: half of what waited has been read, or its input is closed. May be NULL */
    void (*on_drained)(void *owner);
    /* the child is gone when this returns */
    void (*on_end)(void *owner, const struct child_end *end);
};

/* The three calls that need an operating system: tests bring their own. */
struct child_calls {
    /* on a worker */
    int (*spawn)(const struct spawn_request *request, struct spawned *ret,
                 struct spawn_failure *ret_failure);
    void (*signal)(const struct spawned *one, int signal);
    int (*reap)(const struct spawned *one, struct spawn_ending *ret);
};

/* Copied before child_start returns. */
struct child_request {
    struct spawn_request spawn;
    uint32_t grace_ms; /* between SIGTERM and SIGKILL */
    /* borrowed, outlives the child: pays for its record and its input */
    struct account *account;
    const struct child_calls *calls; /* NULL = the system's */
};

/* NULL: the account has no room, or too many jobs wait; nothing has been started. on_started or
 * on_end come in a later turn. */
MUST_CHECK struct child *child_start(struct loop *l, const struct child_request *request,
                                     const struct child_ops *ops, void *owner);
/* Copies. CHILD_FULL: nothing was taken, wait for on_drained. CHILD_CLOSED: it does not run, has
 * closed its input, or input was ended. CHILD_NO_ROOM: its account refuses, or these are more than
 * CHILD_INPUT_MAX at once; no on_drained follows. */
MUST_CHECK int child_write(struct child *c, struct slice bytes);
/* it reads the end of its input after what was written */
void child_end_input(struct child *c);
/* no on_output from it until it is resumed; at once */
void child_pause(struct child *c, enum child_stream from);
void child_resume(struct child *c, enum child_stream from);
/* SIGTERM to its group, SIGKILL after the grace; harmless when it is ending already */
void child_stop(struct child *c);
/* SIGKILL at once. After its end: what it wrote and nobody has read is left */
void child_kill(struct child *c);
/* child_kill, and its owner hears nothing more. Takes NULL; returns NULL */
struct child *child_abandon(struct child *c);
/* The loop is about to end: kills all, waits for none. Their owners hear nothing. */
void child_end_all(struct loop *l);
