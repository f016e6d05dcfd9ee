#include "loop/loop.h"

#include <sched.h>

#include "base/memory.h"
#include "harness/check.h"

enum { N_LOOPS = 4, N_MAILS = 20000 };

/* Every loop sends numbered mails to every loop, itself too; each receiver checks the order per
 * sender. */
struct world {
    struct loop_set set;
    int next[N_LOOPS][N_LOOPS]; /* [receiver][sender]: receiver's thread only */
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

/* Sends a hundred rounds a turn and mails itself to go on, so that sending and receiving
 * interleave. */
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

/* Mail to oneself, a few times over. */
static void run_relay(struct loop *l, struct mail *mail)
{
    struct burst *b = CONTAINER_OF(mail, struct burst, mail);

    if (++b->sent < 3)
        loop_post(l, l, mail);
    else
        run_count(l, mail);
}

CASE(what_mail_left_over_posts_is_not_lost)
{
    static struct world w;
    struct burst *b = MEM_NEW(struct burst);

    check_allow_fds(2);
    CHECK_INT(loop_set_init(&w.set, 2), 0);
    CHECK_INT(loop_set_start(&w.set), 0);
    loop_set_stop(&w.set);
    *b = (struct burst){{NULL, run_relay}, &w, 0};
    loop_post_outside(&w.set.loops[1], &b->mail);
    loop_set_deinit(&w.set);
    CHECK_INT(atomic_load(&w.n_done), 1);
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

/* An answer must not leave before what it promises is done, on the loop of whoever promised it
 * either. */
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

/* Until the part of the turn it stands in has no time left. */
static void run_asks_late(struct deferred *d)
{
    struct order *o = CONTAINER_OF(d, struct order, asks);

    while (!o->loop->is_late)
        (void)loop_is_late(o->loop);
    say(o, 'a');
    loop_defer_large(o->loop, &o->tells);
    o->mail.run = run_act;
    loop_post(o->loop, o->loop, &o->mail);
}

/* A large answer is in a list of its own, which has its time however long the first list took. */
CASE(own_mail_runs_before_a_large_answer_when_the_first_list_is_late)
{
    static struct loop_set set;
    static struct order o = {
        .mail.run = run_begin, .asks.run = run_asks_late, .tells.run = run_tells};

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

/* ---- the turn's time ---- */

enum { N_PIECES = 40, PIECE_US = 400, PER_TURN_MOST = 12 };

struct piece {
    struct deferred work;
    struct mail mail;
    struct crowd *crowd;
    int number;
};

struct crowd {
    struct mail begin;
    struct loop *loop;
    struct piece pieces[N_PIECES];
    struct deferred again;
    int64_t turn_of_last;
    int n_in_turn, n_most_in_turn, n_again;
    bool is_in_order;
    atomic_int n_done;
};

static void spin(void)
{
    uint64_t end = uv_hrtime() + PIECE_US * 1000;

    while (uv_hrtime() < end)
        continue;
}

static void do_piece(struct piece *p)
{
    struct crowd *c = p->crowd;
    int64_t turn = metric_get(&c->loop->metrics, METRIC_LOOP_TURNS);

    spin();
    c->is_in_order = c->is_in_order && p->number == atomic_load(&c->n_done);
    c->n_in_turn = turn == c->turn_of_last ? c->n_in_turn + 1 : 1;
    c->turn_of_last = turn;
    if (c->n_in_turn > c->n_most_in_turn)
        c->n_most_in_turn = c->n_in_turn;
    atomic_fetch_add(&c->n_done, 1);
}

static void run_piece(struct deferred *d)
{
    do_piece(CONTAINER_OF(d, struct piece, work));
}

static void run_mail_piece(struct loop *l, struct mail *mail)
{
    (void)l;
    do_piece(CONTAINER_OF(mail, struct piece, mail));
}

static void init_crowd(struct crowd *c, struct loop *l)
{
    c->loop = l;
    c->is_in_order = true;
    for (int i = 0; i < N_PIECES; i++) {
        c->pieces[i] = (struct piece){
            .work.run = run_piece, .mail.run = run_mail_piece, .crowd = c, .number = i};
        list_init(&c->pieces[i].work.link);
    }
}

static void run_defer_all(struct loop *l, struct mail *mail)
{
    struct crowd *c = CONTAINER_OF(mail, struct crowd, begin);

    init_crowd(c, l);
    for (int i = 0; i < N_PIECES; i++)
        loop_defer(l, &c->pieces[i].work);
}

static void run_post_all(struct loop *l, struct mail *mail)
{
    struct crowd *c = CONTAINER_OF(mail, struct crowd, begin);

    init_crowd(c, l);
    for (int i = 0; i < N_PIECES; i++)
        loop_post(l, l, &c->pieces[i].mail);
}

static void check_crowd(void (*begin)(struct loop *l, struct mail *mail))
{
    static struct loop_set set;
    static struct crowd c;

    c.begin.run = begin;
    CHECK_INT(loop_set_init(&set, 1), 0);
    CHECK_INT(loop_set_start(&set), 0);
    loop_post_outside(&set.loops[0], &c.begin);
    while (atomic_load(&c.n_done) < N_PIECES)
        sched_yield();
    loop_set_stop(&set);
    CHECK(c.is_in_order);
    if (c.n_most_in_turn > PER_TURN_MOST)
        printf("# %d pieces of %d us in one turn\n", c.n_most_in_turn, PIECE_US);
    CHECK(c.n_most_in_turn <= PER_TURN_MOST);
    loop_set_deinit(&set);
}

CASE(deferred_work_beyond_the_turns_time_waits_for_the_next_in_order)
{
    check_allow_fds(2);
    check_crowd(run_defer_all);
}

CASE(mail_to_oneself_beyond_the_turns_time_waits_for_the_next_in_order)
{
    check_allow_fds(2);
    check_crowd(run_post_all);
}

static void run_again(struct deferred *d)
{
    struct crowd *c = CONTAINER_OF(d, struct crowd, again);
    int64_t turn = metric_get(&c->loop->metrics, METRIC_LOOP_TURNS);

    c->is_in_order = c->is_in_order && turn != c->turn_of_last;
    c->turn_of_last = turn;
    if (atomic_fetch_add(&c->n_done, 1) < N_PIECES)
        loop_again(c->loop, d);
}

static void run_go_on(struct loop *l, struct mail *mail)
{
    struct crowd *c = CONTAINER_OF(mail, struct crowd, begin);

    init_crowd(c, l);
    c->turn_of_last = -1;
    c->again.run = run_again;
    list_init(&c->again.link);
    loop_again(l, &c->again);
}

CASE(work_that_goes_on_does_so_in_the_next_turn)
{
    check_allow_fds(2);
    check_crowd(run_go_on);
}

CASES(RUN(mail_arrives_once_and_in_order_per_sender), RUN(mail_left_over_at_the_end_is_not_lost),
      RUN(what_mail_left_over_posts_is_not_lost), RUN(own_mail_runs_before_work_deferred_later),
      RUN(own_mail_runs_before_a_large_answer_when_the_first_list_is_late),
      RUN(deferred_work_beyond_the_turns_time_waits_for_the_next_in_order),
      RUN(mail_to_oneself_beyond_the_turns_time_waits_for_the_next_in_order),
      RUN(work_that_goes_on_does_so_in_the_next_turn))
