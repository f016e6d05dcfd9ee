#include "loop/work.h"

#include "harness/check.h"

enum { AT_ONCE = 4 };

/* On a loop that is never run. */
struct counted {
    struct work work;
    int n_steps, n_all, n_done;
};

static bool counted_step(struct work *w)
{
    struct counted *c = CONTAINER_OF(w, struct counted, work);

    if (c->n_steps == c->n_all)
        return false;
    c->n_steps++;
    return true;
}

static void counted_done(struct work *w)
{
    CONTAINER_OF(w, struct counted, work)->n_done++;
}

static void set_up(struct loop *l, struct counted *c, int n_all, struct list *all)
{
    *c = (struct counted){.n_all = n_all,
                          .work = {.step = counted_step, .done = counted_done, .at_once = AT_ONCE}};
    work_init(&c->work, l, all);
}

static void loop_set_up(struct loop *l, unsigned allowance_us)
{
    *l = (struct loop){.thread = pthread_self()};
    list_init(&l->again);
    loop_begin_part(l, allowance_us);
}

static bool turn(struct loop *l)
{
    if (list_is_empty(&l->again))
        return false;
    struct deferred *d = LIST_ENTRY(l->again.next, struct deferred, link);
    list_unlink(&d->link);
    d->run(d);
    return true;
}

CASE(work_with_time_is_done_before_start_returns)
{
    struct loop l;
    struct counted c;
    struct list all;

    loop_set_up(&l, 1000 * 1000);
    l.item_late_at_ns = UINT64_MAX;
    list_init(&all);
    set_up(&l, &c, 50, &all);
    work_start(&c.work);
    CHECK_INT(c.n_steps, 50);
    CHECK_INT(c.n_done, 1);
    CHECK(list_is_empty(&all) && !turn(&l));
}

CASE(work_without_time_takes_turns_with_others)
{
    struct loop l;
    struct counted a, b;
    struct list all;

    loop_set_up(&l, 0);
    list_init(&all);
    set_up(&l, &a, 10, &all);
    set_up(&l, &b, 3, &all);
    work_start(&a.work);
    work_start(&b.work);
    CHECK_INT(a.n_steps, AT_ONCE);
    CHECK_INT(b.n_steps, 3);
    CHECK_INT(b.n_done, 1);
    work_start(&a.work); /* once is enough */
    CHECK_INT(a.n_steps, AT_ONCE);
    CHECK(turn(&l) && a.n_steps == 2 * AT_ONCE && a.n_done == 0);
    CHECK(turn(&l) && a.n_steps == 10 && a.n_done == 1);
    CHECK(!turn(&l));
    a.n_all = 12;
    work_start(&a.work); /* there is more to do */
    CHECK(a.n_steps == 12 && a.n_done == 2);
}

CASE(work_that_is_ended_is_done_and_knows_it)
{
    struct loop l;
    struct counted a, b, stopped;
    struct list all;

    loop_set_up(&l, 0);
    list_init(&all);
    set_up(&l, &a, 10, &all);
    set_up(&l, &b, 10, &all);
    set_up(&l, &stopped, 10, &all);
    work_start(&a.work);
    work_start(&stopped.work);
    work_start(&b.work);
    work_stop(&stopped.work);
    works_end(&all);
    CHECK(a.n_done == 1 && a.work.is_cut && a.n_steps == AT_ONCE);
    CHECK(b.n_done == 1 && b.work.is_cut);
    CHECK(stopped.n_done == 0);
    CHECK(list_is_empty(&all) && !turn(&l));
}

CASES(RUN(work_with_time_is_done_before_start_returns),
      RUN(work_without_time_takes_turns_with_others), RUN(work_that_is_ended_is_done_and_knows_it))
