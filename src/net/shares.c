/* shares: every seat stands in two lists of its use, the newest last: one of its address, one of
 * all. So whoever has been of no use for longest is found at a head, and nothing is walked but the
 * few seats of the reserve.
 *
 * Whom to ask is decided by the accept thread; whether it can leave is known on its loop alone: its
 * next request may have arrived and not been read. So a seat that is asked (leaving) stands in a
 * list of its loop until a mail looks at it there. It still holds its place then, and the newcomer
 * one of the slack.
 *
 * One lock for all: it is held for pointer work, twice a request at most. */
#include "net/shares.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "net/neighbours.h"
#include "wire/ip.h"

enum {
    N_MOVABLE = SEAT_BUSY,
    FRESH_GRACE_MS = 250, /* a request that is on its way has so long to arrive */
    HEAD_GRACE_MS = 1000, /* and one that is half here so long to be whole */
};

struct seat {
    /* const after init */
    struct shares *shares;
    unsigned loop;
    bool is_proxy;          /* trusted to name others: has no share of its own */
    struct neighbour *home; /* of the socket's own address */
    /* loop only */
    bool (*evict)(void *owner);
    void *owner;
    bool waits; /* for its loop; from its arrival on */
    /* shares.lock */
    /* for whom it counts: home, or the client of its request */
    struct neighbour *counted;
    struct list in_neighbour, in_all;
    uint64_t since_ms; /* when it took its use */
    enum seat_use use;
    bool has_asked;
    bool is_leaving;
    /* of the reserve; the seat's loop may read it without the lock */
    bool is_spare;
};

struct shares {
    /* const after init */
    struct shares_options options;
    size_t share;
    /* any thread */
    atomic_size_t n_waiting;
    pthread_mutex_t lock; /* class socket_seats */
    /* under it */
    size_t n_seats, n_leaving, n_spare, n_spare_leaving;
    struct list by_use[N_MOVABLE]; /* seat.in_all */
    struct list spare;             /* of the reserve, not BUSY, not leaving: seat.in_all */
    struct list *leaving;          /* per loop: seat.in_all */
    struct neighbours neighbours;
};

_Static_assert((int)NEIGHBOUR_LISTS == (int)N_MOVABLE,
               "a list of each use that can be asked to leave");

/* ---- a seat in its lists and figures ---- */

static void seat_unlist(struct seat *seat)
{
    list_unlink(&seat->in_neighbour);
    list_unlink(&seat->in_all);
}

static void seat_list(struct seat *seat)
{
    struct shares *s = seat->shares;

    seat->since_ms = clock_mono_ms();
    if (seat->use == SEAT_BUSY)
        return;
    if (seat->is_spare) {
        list_link(&s->spare, &seat->in_all);
        return;
    }
    list_link(&s->by_use[seat->use], &seat->in_all);
    list_link(&seat->counted->by_use[seat->use], &seat->in_neighbour);
}

static bool is_unasked(const struct seat *seat)
{
    return !seat->has_asked && !seat->is_spare && !seat->is_leaving;
}

static void seat_stay(struct seat *seat)
{
    if (!seat->is_leaving)
        return;
    seat->is_leaving = false;
    if (seat->is_spare) {
        seat->shares->n_spare_leaving--;
        return;
    }
    seat->shares->n_leaving--;
    seat->counted->n_leaving--;
    seat->home->n_unasked += is_unasked(seat);
}

static void run_leaving(struct loop *loop, struct mail *mail);

struct leaving_mail {
    struct mail mail;
    struct shares *shares;
};

/* Moves it among those leaving. True: its loop must be told, since nobody else is. */
static bool seat_leave(struct seat *seat)
{
    struct shares *s = seat->shares;
    struct list *leaving = &s->leaving[seat->loop];
    bool is_first = list_is_empty(leaving);

    if (seat->is_spare) {
        s->n_spare_leaving++;
    } else {
        seat->home->n_unasked -= is_unasked(seat);
        s->n_leaving++;
        seat->counted->n_leaving++;
    }
    seat->is_leaving = true;
    seat_unlist(seat);
    list_link(leaving, &seat->in_all);
    return is_first;
}

/* A place becomes the seat's own, or it takes one of the reserve. */
static void seat_place(struct seat *seat, bool is_spare)
{
    struct shares *s = seat->shares;

    seat->is_spare = is_spare;
    if (is_spare) {
        s->n_spare++;
        return;
    }
    s->n_seats++;
    seat->counted->n_seats++;
    seat->home->n_unasked += is_unasked(seat);
}

static void seat_unplace(struct seat *seat)
{
    struct shares *s = seat->shares;

    if (seat->is_spare) {
        s->n_spare--;
        return;
    }
    seat->home->n_unasked -= is_unasked(seat);
    s->n_seats--;
    seat->counted->n_seats--;
}

/* Counts it for another address; returns the one it counted for when that is to be freed. */
static struct neighbour *seat_count_for(struct seat *seat, struct neighbour *to)
{
    struct neighbour *from = seat->counted;

    from->n_seats--;
    to->n_seats++;
    seat->counted = to;
    return from == seat->home ? NULL : neighbour_unref(from);
}

/* ---- who gives way ---- */

static struct seat *first_of(struct list *head, bool is_neighbours)
{
    if (list_is_empty(head))
        return NULL;
    return is_neighbours ? LIST_ENTRY(head->next, struct seat, in_neighbour)
                         : LIST_ENTRY(head->next, struct seat, in_all);
}

/* The one that has kept others waiting for longest, if that is long. To put a newcomer in the place
 * of somebody as new would only change who is refused. */
static struct seat *first_late(struct list *head, bool is_neighbours)
{
    struct seat *seat = first_of(head, is_neighbours);

    if (!seat)
        return NULL;
    uint64_t grace_ms = seat->use == SEAT_HEAD ? HEAD_GRACE_MS : FRESH_GRACE_MS;
    return clock_mono_ms() - seat->since_ms >= grace_ms ? seat : NULL;
}

/* Silent for longest; when none is silent, slow for longest. */
static struct seat *shares_least_useful(struct list by_use[N_MOVABLE], bool is_neighbours)
{
    struct seat *fresh = first_late(&by_use[SEAT_FRESH], is_neighbours);
    struct seat *idle = first_of(&by_use[SEAT_IDLE], is_neighbours);

    if (fresh && idle)
        return fresh->since_ms < idle->since_ms ? fresh : idle;
    if (fresh || idle)
        return fresh ? fresh : idle;
    return first_late(&by_use[SEAT_HEAD], is_neighbours);
}

static struct seat *least_useful_spare(struct shares *s, const struct neighbour *newcomer)
{
    LIST_FOREACH (it, &s->spare) {
        struct seat *seat = LIST_ENTRY(it, struct seat, in_all);
        if (seat->home == newcomer)
            return seat;
    }
    return first_of(&s->spare, false);
}

static size_t n_held(const struct neighbour *n)
{
    return n->n_seats - n->n_leaving;
}

/* Whether somebody must give way for one more of that address, and who. SHARES_OK: *ret_victim, or
 * NULL when there is room. */
static int find_room(struct shares *s, struct neighbour *n, bool is_proxy, struct seat **ret_victim)
{
    bool is_full = s->n_seats - s->n_leaving >= s->options.n_places;
    bool is_known = ip_is_known(&n->key);
    struct seat *victim = NULL;

    *ret_victim = NULL;
    if (is_known && !is_proxy && n_held(n) >= s->share) {
        victim = shares_least_useful(n->by_use, true);
        if (!victim)
            return s->share < s->options.n_places ? SHARES_OVER : SHARES_FULL;
    } else if (is_known && n->n_unasked >= s->share) {
        victim = first_late(&n->by_use[SEAT_FRESH], true);
        if (!victim)
            victim = first_late(&n->by_use[SEAT_HEAD], true);
    }
    /* Who holds much makes room itself, so that others' silent sockets last. */
    if (!victim && is_full && n_held(n) >= s->share / 2)
        victim = shares_least_useful(n->by_use, true);
    if (!victim && is_full)
        victim = shares_least_useful(s->by_use, false);
    if (!victim && is_full)
        return SHARES_FULL;
    if (s->n_seats >= s->options.n_places + SHARES_SLACK)
        return SHARES_FULL;
    *ret_victim = victim;
    return SHARES_OK;
}

/* No place: a seat of the reserve. */
static bool find_spare(struct shares *s, const struct neighbour *n, struct seat **ret_victim)
{
    *ret_victim = NULL;
    if (s->n_spare < s->options.n_reserve)
        return true;
    if (!s->options.n_reserve || s->n_spare >= s->options.n_reserve + SHARES_SLACK)
        return false;
    *ret_victim = least_useful_spare(s, n);
    return *ret_victim != NULL;
}

static void tell_loop(struct shares *s, unsigned loop)
{
    struct leaving_mail *m = MEM_NEW(struct leaving_mail);

    *m = (struct leaving_mail){{NULL, run_leaving}, s};
    loop_post_outside(&s->options.loops->loops[loop], &m->mail);
}

int shares_arrive(struct shares *s, const struct in6_addr *address, bool is_proxy, unsigned loop,
                  struct seat **ret)
{
    struct seat *seat = MEM_NEW(struct seat), *victim;
    struct neighbour *unused, *fresh = neighbour_new(&s->neighbours, address), *left = NULL;
    bool must_tell = false, is_spare, is_in = true;
    unsigned victims_loop = 0;

    *seat = (struct seat){.shares = s, .loop = loop, .is_proxy = is_proxy, .use = SEAT_FRESH};
    list_init(&seat->in_neighbour);
    list_init(&seat->in_all);
    pthread_mutex_lock(&s->lock);
    seat->home = seat->counted = neighbour_ref(&s->neighbours, fresh, &unused);
    int r = find_room(s, seat->home, is_proxy, &victim);
    is_spare = r != SHARES_OK;
    if (is_spare)
        is_in = find_spare(s, seat->home, &victim);
    if (victim) {
        victims_loop = victim->loop;
        must_tell = seat_leave(victim);
    }
    if (is_in) {
        seat_place(seat, is_spare);
        seat_list(seat);
    } else {
        left = neighbour_unref(seat->home);
    }
    pthread_mutex_unlock(&s->lock);
    neighbour_free(&s->neighbours, unused);
    neighbour_free(&s->neighbours, left);
    if (must_tell)
        tell_loop(s, victims_loop);
    if (s->options.metrics)
        metric_add(s->options.metrics, METRIC_CONNS_IN_RESERVE, is_in && is_spare);
    if (!is_in) {
        mem_free(seat);
        return r;
    }
    seat_wait(seat, true);
    *ret = seat;
    return SHARES_OK;
}

/* Who was asked and had a request by then has stayed, so there may be more than the reserve of whom
 * nobody is leaving: then the next one is asked, or nobody would ever leave for those who wait in
 * the kernel's queue. */
static struct seat *find_surplus(struct shares *s)
{
    return s->n_spare - s->n_spare_leaving > s->options.n_reserve ? first_of(&s->spare, false)
                                                                  : NULL;
}

bool shares_must_wait(struct shares *s)
{
    struct seat *surplus = NULL;
    bool must_tell = false;
    unsigned loop = 0;

    if (atomic_load_explicit(&s->n_waiting, memory_order_relaxed) >=
        (size_t)SHARES_WAITING * s->options.n_loops)
        return true;
    pthread_mutex_lock(&s->lock);
    bool has_no_spare = s->n_spare >= s->options.n_reserve + SHARES_SLACK;
    bool must_wait =
        has_no_spare || (s->n_leaving && s->n_seats >= s->options.n_places + SHARES_SLACK);
    if (has_no_spare && (surplus = find_surplus(s))) {
        loop = surplus->loop;
        must_tell = seat_leave(surplus);
    }
    pthread_mutex_unlock(&s->lock);
    if (must_tell)
        tell_loop(s, loop);
    return must_wait;
}

bool shares_make_room(struct shares *s)
{
    bool must_tell = false;
    unsigned loop = 0;

    pthread_mutex_lock(&s->lock);
    struct seat *victim = shares_least_useful(s->by_use, false);
    if (!victim)
        victim = first_of(&s->spare, false);
    if (victim) {
        loop = victim->loop;
        must_tell = seat_leave(victim);
    }
    bool is_leaving = victim || s->n_leaving;
    pthread_mutex_unlock(&s->lock);
    if (must_tell)
        tell_loop(s, loop);
    return is_leaving;
}

/* ---- on the loop of a seat ---- */

static struct seat *take_leaving(struct shares *s, unsigned loop)
{
    pthread_mutex_lock(&s->lock);
    struct seat *seat = first_of(&s->leaving[loop], false);
    if (seat)
        list_unlink(&seat->in_all);
    pthread_mutex_unlock(&s->lock);
    return seat;
}

static void run_leaving(struct loop *loop, struct mail *mail)
{
    struct leaving_mail *m = CONTAINER_OF(mail, struct leaving_mail, mail);
    struct shares *s = m->shares;
    struct list early; /* asked before the mail that brings their socket has run */

    mem_free(m);
    list_init(&early);
    for (struct seat *seat; (seat = take_leaving(s, loop->index));) {
        if (!seat->evict) {
            list_link(&early, &seat->in_all);
            continue;
        }
        if (seat->evict(seat->owner)) {
            loop_count(loop, METRIC_CONNS_EVICTED, 1);
            continue; /* it counts as leaving until it is freed, which may have happened */
        }
        pthread_mutex_lock(&s->lock);
        seat_stay(seat);
        seat_list(seat);
        pthread_mutex_unlock(&s->lock);
    }
    if (list_is_empty(&early))
        return;
    pthread_mutex_lock(&s->lock);
    list_move_all(&s->leaving[loop->index], &early);
    pthread_mutex_unlock(&s->lock);
    tell_loop(s, loop->index);
}

void seat_wait(struct seat *seat, bool waits)
{
    if (!seat || seat->waits == waits)
        return;
    seat->waits = waits;
    if (waits)
        atomic_fetch_add_explicit(&seat->shares->n_waiting, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&seat->shares->n_waiting, 1, memory_order_relaxed);
}

void seat_own(struct seat *seat, bool (*evict)(void *owner), void *owner)
{
    if (!seat)
        return;
    seat->evict = evict;
    seat->owner = owner;
    seat_wait(seat, false);
}

void seat_set(struct seat *seat, enum seat_use use)
{
    struct neighbour *left = NULL;

    if (!seat || (use == SEAT_BUSY && seat->use == SEAT_BUSY))
        return;
    struct shares *s = seat->shares;
    pthread_mutex_lock(&s->lock);
    seat->use = use;
    if (use == SEAT_BUSY && !seat->has_asked) {
        seat->home->n_unasked -= is_unasked(seat);
        seat->has_asked = true;
    }
    if (use != SEAT_BUSY && seat->counted != seat->home)
        left = seat_count_for(seat, seat->home);
    if (!seat->is_leaving || use == SEAT_BUSY) {
        seat_unlist(seat);
        seat_stay(seat);
        seat_list(seat);
    }
    pthread_mutex_unlock(&s->lock);
    neighbour_free(&s->neighbours, left);
}

/* A seat of the reserve that wants more takes a place, when there is one by now or somebody who can
 * leave. */
static int seat_promote(struct seat *seat, struct seat **ret_victim)
{
    int r = find_room(seat->shares, seat->home, seat->is_proxy, ret_victim);

    if (r != SHARES_OK)
        return r;
    seat_unlist(seat);
    seat_stay(seat);
    seat_unplace(seat);
    seat_place(seat, false);
    seat_list(seat);
    return SHARES_OK;
}

int seat_ask(struct seat *seat, const struct in6_addr *client)
{
    struct neighbour *unused = NULL, *left = NULL, *fresh;
    struct seat *victim = NULL;
    bool must_tell = false;
    unsigned victims_loop = 0;
    int r = SHARES_OK;

    if (!seat || (!client && !seat->is_spare))
        return SHARES_OK;
    struct shares *s = seat->shares;
    fresh = client ? neighbour_new(&s->neighbours, client) : NULL;
    pthread_mutex_lock(&s->lock);
    if (seat->is_spare)
        r = seat_promote(seat, &victim);
    if (victim) {
        victims_loop = victim->loop;
        must_tell = seat_leave(victim);
    }
    if (r == SHARES_OK && fresh) {
        struct neighbour *n = neighbour_ref(&s->neighbours, fresh, &unused);
        if (n_held(n) >= s->share) {
            r = SHARES_OVER;
            left = neighbour_unref(n);
        } else {
            seat_unlist(seat);
            seat_stay(seat);
            seat->use = SEAT_BUSY;
            seat->home->n_unasked -= is_unasked(seat);
            seat->has_asked = true;
            left = seat_count_for(seat, n);
        }
        fresh = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    neighbour_free(&s->neighbours, fresh);
    neighbour_free(&s->neighbours, unused);
    neighbour_free(&s->neighbours, left);
    if (must_tell)
        tell_loop(s, victims_loop);
    return r;
}

void seat_make_room(const struct seat *seat)
{
    if (seat)
        (void)shares_make_room(seat->shares);
}

bool seat_is_fresh(const struct seat *seat)
{
    return seat && seat->use == SEAT_FRESH;
}

bool seat_is_spare(const struct seat *seat)
{
    return seat && seat->is_spare;
}

struct seat *seat_free(struct seat *seat)
{
    struct neighbour *left[2] = {NULL, NULL};

    if (!seat)
        return NULL;
    struct shares *s = seat->shares;
    seat_wait(seat, false);
    pthread_mutex_lock(&s->lock);
    seat_unlist(seat);
    seat_stay(seat);
    seat_unplace(seat);
    if (seat->counted != seat->home)
        left[0] = neighbour_unref(seat->counted);
    left[1] = neighbour_unref(seat->home);
    pthread_mutex_unlock(&s->lock);
    neighbour_free(&s->neighbours, left[0]);
    neighbour_free(&s->neighbours, left[1]);
    mem_free(seat);
    return NULL;
}

/* ---- all ---- */

struct shares *shares_new(const struct shares_options *options)
{
    struct shares *s = MEM_NEW(struct shares);
    size_t share = options->n_places * options->share_percent / 100;

    s->options = *options;
    s->share = share ? share : 1;
    neighbours_init(&s->neighbours, options->n_places);
    pthread_mutex_init(&s->lock, NULL);
    list_init(&s->spare);
    for (unsigned use = 0; use < N_MOVABLE; use++)
        list_init(&s->by_use[use]);
    s->leaving = mem_new(options->n_loops * sizeof(*s->leaving));
    for (unsigned i = 0; i < options->n_loops; i++)
        list_init(&s->leaving[i]);
    return s;
}

void shares_pay(struct shares *s, struct account *payer)
{
    s->neighbours.payer = payer;
}

struct shares *shares_free(struct shares *s)
{
    if (!s)
        return NULL;
    ASSERT(!s->n_seats && !s->n_spare && !s->n_leaving);
    pthread_mutex_destroy(&s->lock);
    mem_free(s->leaving);
    neighbours_deinit(&s->neighbours);
    return mem_free(s);
}
