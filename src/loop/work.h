/* work: something whose length others choose, done in as many turns as it takes. It is a row of
 * small steps, and one look at the clock every few of them; what has had its share of a turn goes
 * on in the next, and all work that goes on takes turns (loop_again).
 *
 * What a step looks at may have changed since the last: it keeps ids, or places that whoever
 * changes the thing corrects. Loop thread throughout. */
#pragma once
#include <stdbool.h>

#include "base/list.h"
#include "loop/loop.h"

/* Embed it; set step, done and at_once, and start it. */
struct work {
    /* a piece that needs no look at the clock; false: there is nothing left */
    bool (*step)(struct work *w);
    /* after the last, once; may free or start it. NULL: nothing */
    void (*done)(struct work *w);
    unsigned at_once; /* steps between two looks at the clock */
    /* this room's own */
    struct loop *loop;
    struct deferred more;
    struct list *all, link;
    bool is_under_way;
    bool is_cut; /* for done(): it was ended before its last step */
};

/* all: where it stands while it is under way, for works_end(). NULL: whoever starts it ends it. */
void work_init(struct work *w, struct loop *l, struct list *all);
/* Takes the first steps, so it may be done before this returns. Harmless while it is under way. */
void work_start(struct work *w);
/* The same from the next turn on: for who has used up this turn's time. */
void work_start_later(struct work *w);
/* It takes no more steps, and is not told that it is done. Harmless when it is not under way. */
void work_stop(struct work *w);
/* All of the list take no more steps, and are done and told so (is_cut), in the order they were
 * started in. */
void works_end(struct list *all);
