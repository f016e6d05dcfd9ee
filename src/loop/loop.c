/* loop: threads, turns, mail. The bell belongs to the inbox alone: only its callback drains, only
 * the push that found the inbox empty rings it (see inbox.c). Stopping is a mail too. */
#include "loop/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/memory.h"
#include "loop/inbox.h"
#include "loop/offload.h"
#include "loop/writable.h"

/* What each part of a turn may take, microseconds. Their sum and a piece of work past the end of
 * each stay well below 5 ms: an answer takes some turns. Whoever has logged in is read for longer:
 * the many who come and go take from no more than a part of it. */
enum {
    READY_US = 400,
    READY_KNOWN_US = 1500,
    MAIL_US = 200,
    DEFERRED_US = 500,
    LARGE_US = 300,
    LAST_US = 200
};
/* A round of those who have had their share already comes when the answers are out, and has what
 * they left of TURN_US. */
enum { TURN_US = 1000, ROUND_MIN_US = 100, ROUND_MAX_US = 300 };
/* And what one mail, read or piece of work may when it asks. */
enum { ITEM_NS = 100 * 1000 };
/* mails or pieces of work between two looks at the clock, of which the first starts it */
enum { LOOK_EVERY = 2 };
enum { CPU_LOOK_NS = 250 * 1000 };

static bool part_is_late(struct loop *l, uint64_t now)
{
    if (!l->part_began_ns)
        l->part_began_ns = now;
    l->is_late = now - l->part_began_ns >= l->allowance_ns;
    return l->is_late;
}

bool loop_is_late(struct loop *l)
{
    uint64_t now = clock_mono_ns();

    LOOP_ASSERT(l);
    if (!l->item_late_at_ns)
        l->item_late_at_ns = now + ITEM_NS;
    return part_is_late(l, now) || now >= l->item_late_at_ns;
}

void loop_begin_part(struct loop *l, unsigned allowance_us)
{
    l->allowance_ns = allowance_us * 1000u;
    l->part_began_ns = l->item_late_at_ns = 0;
    l->is_late = false;
}

bool loop_begin_read(struct loop *l, bool is_known)
{
    l->allowance_ns = (is_known ? READY_KNOWN_US : READY_US) * 1000u;
    loop_begin_item(l);
    return loop_is_late(l);
}

/* One thing more of many is done. */
static bool is_late_after(struct loop *l, unsigned n_done)
{
    loop_begin_item(l);
    return l->is_late || (n_done % LOOK_EVERY == 1 && part_is_late(l, clock_mono_ns()));
}

static void run_backlog(struct loop *l)
{
    for (unsigned n = 1; l->backlog; n++) {
        struct mail *mail = l->backlog;
        l->backlog = mail->next;
        mail->run(l, mail);
        /* there is no later turn of a loop that stops, and it waits for its last jobs */
        if (is_late_after(l, n) && !l->is_stopping)
            break;
    }
    if (!l->backlog)
        l->backlog_last = NULL;
}

static void add_to_backlog(struct loop *l, struct mail *chain)
{
    if (!chain)
        return;
    if (l->backlog)
        l->backlog_last->next = chain;
    else
        l->backlog = chain;
    while (chain->next)
        chain = chain->next;
    l->backlog_last = chain;
}

static void ring_bell(struct loop *to)
{
    static const uint64_t once = 1;

    /* fails only when it has rung 2^64 times unheard */
    (void)!write(to->bell_fd, &once, sizeof(once));
}

static void on_bell(uv_poll_t *bell, int status, int events)
{
    struct loop *l = bell->data;
    uint64_t n_rings;

    (void)status;
    (void)events;
    /* before the inbox is looked at: who comes after that rings again */
    (void)!read(l->bell_fd, &n_rings, sizeof(n_rings));
    add_to_backlog(l, inbox_drain(&l->inbox));
    run_backlog(l);
}

static void on_busy(uv_idle_t *busy)
{
    (void)busy; /* its being active is the point: poll returns at once */
}

/* Mail to oneself. What it posts in turn waits for the next call, so a mail that posts itself again
 * holds nobody up. False: the turn's time is over. */
static bool run_own_mail(struct loop *l)
{
    struct outbox *box = &l->outboxes[l->index];
    const struct mail *last = box->last;
    bool is_last = !box->first;

    for (unsigned n = 1; !is_last; n++) {
        struct mail *mail = box->first;
        is_last = mail == last;
        box->first = mail->next;
        if (!box->first)
            box->last = NULL;
        mail->run(l, mail);
        if (is_late_after(l, n))
            return false;
    }
    return true;
}

/* What a deferred piece of work posts to its own loop is done before the next piece, which may be
 * the flush of an answer that promises it: another loop's mail comes before that loop's answer too.
 * When time is over the rest keeps its order. That holds for a large answer too, whose mail is
 * still to be done when the first list ended late; what strangers are sent waits for no mail. */
static void run_deferred(struct loop *l)
{
    struct list *const lists[] = {&l->deferred, &l->large, &l->last};
    static const unsigned allowances_us[] = {DEFERRED_US, LARGE_US, LAST_US};
    bool has_time = true;

    for (unsigned i = 0; has_time && i < ARRAY_LEN(lists); i++) {
        loop_begin_part(l, allowances_us[i]);
        has_time = lists[i] == &l->last || run_own_mail(l);
        for (unsigned n = 1; has_time && !list_is_empty(lists[i]); n++) {
            struct deferred *d = LIST_ENTRY(lists[i]->next, struct deferred, link);
            list_unlink(&d->link);
            d->run(d);
            if (is_late_after(l, n))
                break;
            has_time = run_own_mail(l);
        }
    }
}

/* The first loop comes last: what it is told, such as that a client has gone, it tells the others,
 * and they must have had what that client sent before. */
static void flush_outboxes(struct loop *l)
{
    for (unsigned i = l->set->n_loops; i-- > 0;) {
        struct outbox *box = &l->outboxes[i];
        struct loop *to = &l->set->loops[i];
        if (!box->first || to == l)
            continue;
        if (inbox_push(&to->inbox, box->first)) {
            loop_count(l, METRIC_INBOX_BELLS, 1);
            ring_bell(to);
        }
        *box = (struct outbox){0};
    }
}

/* The thread's clock is a system call, so it is read once in so much busy time: a turn that is
 * shown longer than it was is so by less than that. */
static void measure_cpu(struct loop *l, uint64_t busy_ns)
{
    uint64_t cpu_ns = clock_thread_cpu_ns();
    uint64_t spent_us = (cpu_ns - l->cpu_ns < busy_ns ? cpu_ns - l->cpu_ns : busy_ns) / 1000;

    l->cpu_ns = cpu_ns;
    l->unread_ns = 0;
    metric_peak(&l->metrics, METRIC_LOOP_LONGEST_CPU_US, (int64_t)spent_us);
    loop_count(l, METRIC_LOOP_ABOVE_1MS, spent_us > 1000);
    loop_count(l, METRIC_LOOP_ABOVE_5MS, spent_us > 5000);
    loop_count(l, METRIC_LOOP_ABOVE_25MS, spent_us > 25000);
}

/* What this turn has taken until now. */
static uint64_t turn_ns(struct loop *l, uint64_t now, uint64_t idle)
{
    return l->turn_ended_ns ? now - l->turn_ended_ns - (idle - l->idle_ns) : 0;
}

static void measure_turn(struct loop *l)
{
    uint64_t now = clock_mono_ns();
    uint64_t idle = uv_metrics_idle_time(&l->uv);
    uint64_t busy = turn_ns(l, now, idle);

    if (busy) {
        metric_peak(&l->metrics, METRIC_LOOP_LONGEST_US, (int64_t)(busy / 1000));
        l->unread_ns += busy;
        if (l->unread_ns >= CPU_LOOK_NS)
            measure_cpu(l, busy);
    }
    l->turn_ended_ns = now;
    l->idle_ns = idle;
    loop_count(l, METRIC_LOOP_TURNS, 1);
}

static void begin_round(struct loop *l)
{
    uint64_t spent_us = turn_ns(l, clock_mono_ns(), uv_metrics_idle_time(&l->uv)) / 1000;
    uint64_t left_us = spent_us < TURN_US ? TURN_US - spent_us : 0;

    loop_begin_part(l, left_us < ROUND_MIN_US   ? ROUND_MIN_US
                       : left_us > ROUND_MAX_US ? ROUND_MAX_US
                                                : (unsigned)left_us);
}

/* One round at most: what those who had their turn have caused is sent before they have another. */
static void run_round(struct loop *l, struct list *waiting)
{
    struct list round;

    if (list_is_empty(waiting))
        return;
    begin_round(l);
    list_init(&round);
    list_move_all(&round, waiting);
    for (unsigned n = 1; !list_is_empty(&round); n++) {
        struct deferred *d = LIST_ENTRY(round.next, struct deferred, link);
        list_unlink(&d->link);
        d->run(d);
        if (is_late_after(l, n))
            break;
    }
    list_move_all(&round, waiting);
    list_move_all(waiting, &round);
}

static void loop_on_flush(uv_prepare_t *flush)
{
    struct loop *l = flush->data;

    loop_begin_part(l, MAIL_US);
    run_backlog(l);
    run_deferred(l);
    flush_outboxes(l);
    run_round(l, &l->input);
    run_round(l, &l->again);
    flush_outboxes(l);
    account_settle(l->own);
    measure_turn(l);
    /* told so in this turn: what would keep it awake is closed already */
    if (l->is_stopping)
        return;
    if (l->backlog || l->outboxes[l->index].first || !list_is_empty(&l->deferred) ||
        !list_is_empty(&l->large) || !list_is_empty(&l->last) || !list_is_empty(&l->input) ||
        !list_is_empty(&l->again))
        uv_idle_start(&l->busy, on_busy);
    else
        uv_idle_stop(&l->busy);
    loop_begin_part(l, READY_US);
}

static void loop_append(struct outbox *box, struct mail *mail)
{
    mail->next = NULL;
    if (box->first)
        box->last->next = mail;
    else
        box->first = mail;
    box->last = mail;
}

void loop_post(struct loop *from, struct loop *to, struct mail *mail)
{
    LOOP_ASSERT(from);
    loop_append(&from->outboxes[to->index], mail);
    loop_count(from, METRIC_MAIL_POSTED, 1);
}

void loop_post_outside(struct loop *to, struct mail *mail)
{
    mail->next = NULL;
    if (inbox_push(&to->inbox, mail))
        ring_bell(to);
}

int64_t loop_set_sum(const struct loop_set *set, enum metric id)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < set->n_loops; i++)
        sum += metric_get(&set->loops[i].metrics, id);
    return sum;
}

static void link_once(struct list *list, struct deferred *d)
{
    if (list_is_empty(&d->link))
        list_link(list, &d->link);
}

void loop_defer(struct loop *l, struct deferred *d)
{
    link_once(&l->deferred, d);
}

void loop_defer_large(struct loop *l, struct deferred *d)
{
    link_once(&l->large, d);
}

void loop_defer_last(struct loop *l, struct deferred *d)
{
    link_once(&l->last, d);
}

void loop_again(struct loop *l, struct deferred *d)
{
    link_once(&l->again, d);
}

void loop_input_later(struct loop *l, struct deferred *d)
{
    link_once(&l->input, d);
}

static int init_one(struct loop_set *set, unsigned index)
{
    struct loop *l = &set->loops[index];
    int r;

    l->set = set;
    l->index = index;
    l->thread = pthread_self();
    l->outboxes = mem_new(set->n_loops * sizeof(*l->outboxes));
    l->scratch = mem_new(LOOP_SCRATCH);
    l->own = account_new(NULL, ACCOUNT_OWN, 0);
    list_init(&l->deferred);
    list_init(&l->again);
    list_init(&l->input);
    list_init(&l->large);
    list_init(&l->last);
    loop_begin_part(l, READY_US);
    list_init(&l->streams);
    list_init(&l->children);
    slots_init(&l->slots, index);
    atomic_init(&l->inbox, NULL);
    r = uv_loop_init(&l->uv);
    if (r)
        return r;
    l->uv.data = l;
    l->bell.data = l->flush.data = l->busy.data = l;
    /* only the longest-turn figure needs it */
    (void)uv_loop_configure(&l->uv, UV_METRICS_IDLE_TIME);
    l->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->bell_fd < 0)
        return -errno;
    r = uv_poll_init(&l->uv, &l->bell, l->bell_fd);
    if (!r)
        r = uv_poll_start(&l->bell, UV_READABLE, on_bell);
    if (!r)
        r = uv_prepare_init(&l->uv, &l->flush);
    if (!r)
        r = uv_idle_init(&l->uv, &l->busy);
    if (!r)
        r = timers_init(&l->timers, &l->uv);
    if (!r)
        r = writable_init(l);
    return r ? r : uv_prepare_start(&l->flush, loop_on_flush);
}

int loop_set_init(struct loop_set *set, unsigned n_loops)
{
    set->n_loops = n_loops;
    set->loops = mem_new(n_loops * sizeof(*set->loops));
    set->offload = offload_new();
    for (unsigned i = 0; i < n_loops; i++) {
        int r = init_one(set, i);
        if (r)
            return r;
    }
    return 0;
}

void loop_set_pay(struct loop_set *set, struct account *own)
{
    for (unsigned i = 0; i < set->n_loops; i++) {
        account_unref(set->loops[i].own);
        set->loops[i].own = account_new_leaf(own, ACCOUNT_OWN, 0);
    }
}

static void *loop_thread_main(void *arg)
{
    struct loop *l = arg;
    char name[16]; /* the kernel takes no longer one */

    l->thread = pthread_self();
    snprintf(name, sizeof(name), "loop-%u", l->index);
    (void)pthread_setname_np(l->thread, name);
    l->cpu_ns = clock_thread_cpu_ns();
    uv_run(&l->uv, UV_RUN_DEFAULT);
    return NULL;
}

int loop_set_start(struct loop_set *set)
{
    for (unsigned i = 0; i < set->n_loops; i++) {
        int r = pthread_create(&set->loops[i].join, NULL, loop_thread_main, &set->loops[i]);
        if (r)
            return -r;
    }
    return 0;
}

static void run_stop(struct loop *l, struct mail *mail)
{
    mem_free(mail);
    l->is_stopping = true;
    timers_close(&l->timers);
    uv_prepare_stop(&l->flush);
    uv_close((uv_handle_t *)&l->flush, NULL);
    uv_close((uv_handle_t *)&l->busy, NULL);
    writable_stop(l);
    if (!l->n_jobs)
        uv_close((uv_handle_t *)&l->bell, NULL);
}

/* The bell of a loop that stops rings for its last job. */
void loop_job_ended(struct loop *l)
{
    ASSERT(l->n_jobs > 0);
    if (--l->n_jobs == 0 && l->is_stopping && !uv_is_closing((uv_handle_t *)&l->bell))
        uv_close((uv_handle_t *)&l->bell, NULL);
}

void loop_set_stop(struct loop_set *set)
{
    for (unsigned i = 0; i < set->n_loops; i++) {
        struct mail *mail = MEM_NEW(struct mail);
        mail->run = run_stop;
        loop_post_outside(&set->loops[i], mail);
    }
    for (unsigned i = 0; i < set->n_loops; i++)
        pthread_join(set->loops[i].join, NULL);
}

static void collect_unread(struct loop *l)
{
    add_to_backlog(l, inbox_drain(&l->inbox));
    for (unsigned i = 0; i < l->set->n_loops; i++) {
        add_to_backlog(l, l->outboxes[i].first);
        l->outboxes[i] = (struct outbox){0};
    }
}

/* Mail that arrived after a loop had stopped is run here, on the joining thread, so that what it
 * carries is freed; and what that posts. */
static void drain_after_stop(struct loop *l)
{
    l->thread = pthread_self();
    for (collect_unread(l); l->backlog; collect_unread(l))
        run_backlog(l);
}

void loop_set_drain_after_stop(struct loop_set *set)
{
    for (unsigned i = 0; i < set->n_loops; i++)
        drain_after_stop(&set->loops[i]);
}

void loop_set_deinit(struct loop_set *set)
{
    set->offload = offload_free(set->offload);
    loop_set_drain_after_stop(set);
    for (unsigned i = 0; i < set->n_loops; i++) {
        struct loop *l = &set->loops[i];
        int r = uv_loop_close(&l->uv);
        ASSERT(r == 0);
        close(l->bell_fd);
        writable_deinit(l);
        slots_deinit(&l->slots);
        mem_free(l->outboxes);
        mem_free(l->scratch);
        account_unref(l->own);
    }
    set->loops = mem_free(set->loops);
}
