/* child_step: what becomes of a child at each event, as a table: no time, no process, no pipe. */
#pragma once
#include <stdbool.h>

enum child_state {
    CHILD_STARTING, /* spawn() is under way on a worker */
    CHILD_UNWANTED, /* the same, and it is to be stopped as soon as it is there */
    CHILD_RUNNING,
    CHILD_STOPPING, /* it has been asked to end */
    CHILD_KILLING,
    CHILD_DRAINING, /* it has ended; what it has written is still to be read */
    CHILD_ENDED,
    CHILD_STATES
};

enum child_event {
    CHILD_STARTED,
    CHILD_FAILED, /* it was never started */
    CHILD_STOP,   /* somebody asks for its end */
    CHILD_KILL,   /* somebody has no time to ask it */
    CHILD_DUE,    /* the time of this state is over */
    CHILD_EXITED,
    /* all it will ever write has been read; may come long before its end */
    CHILD_READ,
    CHILD_EVENTS
};

enum child_action {
    CHILD_DO_NOTHING,
    CHILD_DO_TELL, /* its owner hears that it runs */
    CHILD_DO_ASK,  /* SIGTERM to its group; time: what its owner grants */
    /* SIGKILL to its group; again after a while, as a process in the kernel may be deaf */
    CHILD_DO_KILL,
    /* what is left of its group is killed; a moment to read what it has written */
    CHILD_DO_REAP,
    CHILD_DO_END, /* its owner hears how it ended */
};

/* The new state is in *state. */
enum child_action child_step(enum child_state *state, enum child_event event);
