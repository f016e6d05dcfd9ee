#include "loop/loop.h"

#include <sched.h>

#include "base/memory.h"
#include "harness/check.h"

enum { N_LOOPS = 4, N_MAILS = 20000 };

/* Every loop sends numbered mails to every loop, itself too; each receiver checks the order per sender. */
struct world {
    struct loop_set set;
    int next[N_LOOPS][N_LOOPS];     /* [receiver][sender]: receiver's thread only */
    atomic_int n_done, n_out_of_order;
};

struct numbered {
    struct mail mail;
    struct world *world;
    unsigned from;
    int n;
};

struct burst {
    struct mail mail;
    struct world *world;
    int sent;
};

static void run_numbered(struct loop *l, struct mail *mail)
{
    struct numbered *m = (struct numbered *)mail;
    int *next = &m->world->next[l->index][m->from];

    if (m->n != *next)
        atomic_fetch_add(&m->world->n_out_of_order, 1);
    *next = m->n + 1;
    if (*next == N_MAILS)
        atomic_fetch_add(&m->world->n_done, 1);
    mem_free(m);
}

/* Sends a hundred rounds a turn and mails itself to go on, so that sending and receiving interleave. */
static void run_burst(struct loop *l, struct mail *mail)
{
    struct burst *b = (struct burst *)mail;

    for (int i = 0; i < 100 && b->sent < N_MAILS; i++, b->sent++) {
        for (unsigned to = 0; to < N_LOOPS; to++) {
            struct numbered *m = MEM_NEW(struct numbered);
            *m = (struct numbered){{NULL, run_numbered}, b->world, l->index, b->sent};
            loop_post(l, &l->set->loops[to], &m->mail);
        }
    }
    if (b->sent < N_MAILS)
        loop_post(l, l, &b->mail);
    else
        mem_free(b);
}

CASE(mail_arrives_once_and_in_order_per_sender)
{
    static struct world w;

    check_allow_fds(2);
    CHECK_INT(loop_set_init(&w.set, N_LOOPS), 0);
    CHECK_INT(loop_set_start(&w.set), 0);
    for (unsigned i = 0; i < N_LOOPS; i++) {
        struct burst *b = MEM_NEW(struct burst);
        *b = (struct burst){{NULL, run_burst}, &w, 0};
        loop_post_outside(&w.set.loops[i], &b->mail);
    }
    while (atomic_load(&w.n_done) < N_LOOPS * N_LOOPS)
        sched_yield();
    loop_set_stop(&w.set);
    CHECK_INT(atomic_load(&w.n_out_of_order), 0);
    loop_set_deinit(&w.set);
}

static void run_count(struct loop *l, struct mail *mail)
{
    struct burst *b = (struct burst *)mail;
    (void)l;
    atomic_fetch_add(&b->world->n_done, 1);
    mem_free(b);
}

CASE(mail_left_over_at_the_end_is_not_lost)
{
    static struct world w;

    check_allow_fds(2);
    CHECK_INT(loop_set_init(&w.set, 2), 0);
    CHECK_INT(loop_set_start(&w.set), 0);
    loop_set_stop(&w.set);
    for (int i = 0; i < 10; i++) {
        struct burst *b = MEM_NEW(struct burst);
        *b = (struct burst){{NULL, run_count}, &w, 0};
        loop_post_outside(&w.set.loops[i % 2], &b->mail);
    }
    loop_set_deinit(&w.set);
    CHECK_INT(atomic_load(&w.n_done), 10);
}

struct order {
    struct mail mail;
    struct deferred asks, tells;
    struct loop *loop;
    char said[4];
    atomic_int n_said;
};

static void say(struct order *o, char what)
{
    o->said[atomic_load(&o->n_said)] = what;
    atomic_fetch_add(&o->n_said, 1);
}

static void run_act(struct loop *l, struct mail *mail)
{
    (void)l;
    say((struct order *)mail, 'm');
}

static void run_tells(struct deferred *d)
{
    say(CONTAINER_OF(d, struct order, tells), 't');
}

static void run_asks(struct deferred *d)
{
    struct order *o = CONTAINER_OF(d, struct order, asks);

    say(o, 'a');
    loop_defer(o->loop, &o->tells);
    o->mail.run = run_act;
    loop_post(o->loop, o->loop, &o->mail);
}

static void run_begin(struct loop *l, struct mail *mail)
{
    struct order *o = (struct order *)mail;

    o->loop = l;
    loop_defer(l, &o->asks);
}

/* An answer must not leave before what it promises is done, on the loop of whoever promised it either. */
CASE(own_mail_runs_before_work_deferred_later)
{
    static struct loop_set set;
    static struct order o = {.mail.run = run_begin, .asks.run = run_asks, .tells.run = run_tells};

    check_allow_fds(2);
    list_init(&o.asks.link);
    list_init(&o.tells.link);
    CHECK_INT(loop_set_init(&set, 1), 0);
    CHECK_INT(loop_set_start(&set), 0);
    loop_post_outside(&set.loops[0], &o.mail);
    while (atomic_load(&o.n_said) < 3)
        sched_yield();
    loop_set_stop(&set);
    CHECK_BYTES(o.said, 3, "amt", 3);
    loop_set_deinit(&set);
}

CASES(RUN(mail_arrives_once_and_in_order_per_sender), RUN(mail_left_over_at_the_end_is_not_lost),
      RUN(own_mail_runs_before_work_deferred_later))
