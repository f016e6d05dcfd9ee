/* work: done() is called when nothing here refers to the work any more, for it may be freed
 * there. */
#include "loop/work.h"

static void work_finish(struct work *w)
{
    work_stop(w);
    if (w->done)
        w->done(w);
}

static void work_go_on(struct deferred *d)
{
    struct work *w = CONTAINER_OF(d, struct work, more);

    for (unsigned n = 1; w->step(w); n++) {
        if (n % w->at_once == 0 && loop_is_late(w->loop)) {
            loop_again(w->loop, &w->more);
            return;
        }
    }
    work_finish(w);
}

void work_init(struct work *w, struct loop *l, struct list *all)
{
    w->loop = l;
    w->more.run = work_go_on;
    w->is_under_way = false;
    list_init(&w->more.link);
    list_init(&w->link);
    w->all = all;
}

static void work_begin(struct work *w)
{
    ASSERT(w->at_once > 0);
    w->is_under_way = true;
    w->is_cut = false;
    if (w->all)
        list_link(w->all, &w->link);
}

void work_start(struct work *w)
{
    if (w->is_under_way)
        return;
    work_begin(w);
    work_go_on(&w->more);
}

void work_start_later(struct work *w)
{
    if (w->is_under_way)
        return;
    work_begin(w);
    loop_again(w->loop, &w->more);
}

void work_stop(struct work *w)
{
    list_unlink(&w->more.link);
    list_unlink(&w->link);
    w->is_under_way = false;
}

void works_end(struct list *all)
{
    while (!list_is_empty(all)) {
        struct work *w = LIST_ENTRY(all->next, struct work, link);
        w->is_cut = true;
        work_finish(w);
    }
}
