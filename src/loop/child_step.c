#include "loop/child_step.h"

#include "base/assert.h"

struct cell {
    bool is_possible;
    enum child_state next;
    enum child_action action;
};

#define TO(state, action)                                                                          \
    {                                                                                              \
        true, CHILD_##state, CHILD_DO_##action                                                     \
    }

static const struct cell table[CHILD_STATES][CHILD_EVENTS] = {
    [CHILD_STARTING] = {[CHILD_STARTED] = TO(RUNNING, TELL),
                        [CHILD_FAILED] = TO(ENDED, END),
                        [CHILD_STOP] = TO(UNWANTED, NOTHING),
                        [CHILD_KILL] = TO(UNWANTED, NOTHING)},
    [CHILD_UNWANTED] = {[CHILD_STARTED] = TO(KILLING, KILL),
                        [CHILD_FAILED] = TO(ENDED, END),
                        [CHILD_STOP] = TO(UNWANTED, NOTHING),
                        [CHILD_KILL] = TO(UNWANTED, NOTHING)},
    [CHILD_RUNNING] = {[CHILD_STOP] = TO(STOPPING, ASK),
                       [CHILD_KILL] = TO(KILLING, KILL),
                       [CHILD_EXITED] = TO(DRAINING, REAP),
                       [CHILD_READ] = TO(RUNNING, NOTHING)},
    [CHILD_STOPPING] = {[CHILD_STOP] = TO(STOPPING, NOTHING),
                        [CHILD_KILL] = TO(KILLING, KILL),
                        [CHILD_DUE] = TO(KILLING, KILL),
                        [CHILD_EXITED] = TO(DRAINING, REAP),
                        [CHILD_READ] = TO(STOPPING, NOTHING)},
    [CHILD_KILLING] = {[CHILD_STOP] = TO(KILLING, NOTHING),
                       [CHILD_KILL] = TO(KILLING, NOTHING),
                       [CHILD_DUE] = TO(KILLING, KILL),
                       [CHILD_EXITED] = TO(DRAINING, REAP),
                       [CHILD_READ] = TO(KILLING, NOTHING)},
    [CHILD_DRAINING] = {[CHILD_STOP] = TO(DRAINING, NOTHING),
                        [CHILD_KILL] = TO(ENDED, END),
                        [CHILD_DUE] = TO(ENDED, END),
                        [CHILD_READ] = TO(ENDED, END)},
    [CHILD_ENDED] = {[CHILD_STOP] = TO(ENDED, NOTHING), [CHILD_KILL] = TO(ENDED, NOTHING)},
};

enum child_action child_step(enum child_state *state, enum child_event event)
{
    const struct cell *c = &table[*state][event];

    ASSERT(c->is_possible);
    *state = c->next;
    return c->action;
}
