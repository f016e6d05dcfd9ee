/* offload: a class is a queue under a mutex and the threads that take from it. A job that is done
 * goes home by mail, so a loop hears of it as of anything else, within the time its turns have.
 *
 * Threads of crypto and bulk are nicer than the loops: where cores are few, what somebody waits for
 * in the moment goes first. */
#include "loop/offload.h"

#include <sys/resource.h>

#include "base/memory.h"

enum { NICE = 10, THREADS_MAX = OFFLOAD_KEPT_MAX / OFFLOAD_CLASSES };
/* Of the places strangers leave so many free, a fourth; while both wait, so many in a row are not
 * strangers'. */
enum { KNOWN_PART = 4, KNOWN_IN_A_ROW = 4 };

struct lane {
    struct job *first, *last;
    size_t n;
};

struct crew {
    pthread_mutex_t lock; /* LOCK(offload_queue) */
    pthread_cond_t news;
    /* under the lock */
    struct lane lanes[2]; /* by is_stranger */
    unsigned n_in_a_row;
    unsigned n_idle, n_threads;
    bool is_ending;
    unsigned n_asked; /* how often for what workers keep */
    struct mem_kept *kept[THREADS_MAX];
    size_t n_kept, n_handing; /* workers that are handing theirs over */
    pthread_t threads[THREADS_MAX];
    /* const after offload_set_shares */
    struct offload_share share;
    const char *name; /* of its threads, for whoever looks at the process */
    bool is_nice;
};

struct offload {
    struct crew crews[OFFLOAD_CLASSES];
};

static const struct offload_share defaults[OFFLOAD_CLASSES] = {
    [OFFLOAD_STORE] = {4, 0}, [OFFLOAD_CRYPTO] = {3, 0}, [OFFLOAD_BULK] = {2, 256}};

/* What is shown of a class. */
static const enum metric jobs_metric[OFFLOAD_CLASSES] = {
    [OFFLOAD_STORE] = METRIC_OFFLOAD_STORE_JOBS,
    [OFFLOAD_CRYPTO] = METRIC_OFFLOAD_CRYPTO_JOBS,
    [OFFLOAD_BULK] = METRIC_OFFLOAD_BULK_JOBS};

static size_t crew_waiting(const struct crew *c)
{
    return c->lanes[false].n + c->lanes[true].n;
}

/* ---- on a worker ---- */

/* Under the lock. NULL: nobody waits. */
static struct job *crew_take(struct crew *c)
{
    bool is_strangers = !c->lanes[false].n || (c->lanes[true].n && c->n_in_a_row >= KNOWN_IN_A_ROW);
    struct lane *lane = &c->lanes[is_strangers];
    struct job *job = lane->first;

    if (!job)
        return NULL;
    c->n_in_a_row = is_strangers ? 0 : c->n_in_a_row + 1;
    lane->first = job->next;
    lane->n--;
    return job;
}

/* Under the lock, which it leaves for a moment. A worker that was busy when it was asked answers
 * after the taking, and may be asked again before the next: one that finds no place left keeps its
 * blocks until then. */
static void hand_over_kept(struct crew *c)
{
    if (c->n_kept + c->n_handing == THREADS_MAX)
        return;
    c->n_handing++;
    pthread_mutex_unlock(&c->lock);
    struct mem_kept *kept = mem_take_kept();
    pthread_mutex_lock(&c->lock);
    c->n_handing--;
    if (kept)
        c->kept[c->n_kept++] = kept;
}

static struct job *crew_next(struct crew *c, unsigned *n_answered)
{
    struct job *job;

    pthread_mutex_lock(&c->lock);
    c->n_idle++;
    while (!crew_waiting(c) && !c->is_ending) {
        if (*n_answered != c->n_asked) {
            *n_answered = c->n_asked;
            hand_over_kept(c);
        } else {
            pthread_cond_wait(&c->news, &c->lock);
        }
    }
    c->n_idle--;
    job = crew_take(c);
    pthread_mutex_unlock(&c->lock);
    return job;
}

static void run_done(struct loop *l, struct mail *mail)
{
    struct job *job = CONTAINER_OF(mail, struct job, mail);

    loop_count(l, jobs_metric[job->class], -1);
    job->done(job);
    loop_job_ended(l);
}

static void *offload_thread_main(void *arg)
{
    struct crew *c = arg;
    unsigned n_answered = 0;
    struct job *job;

    (void)pthread_setname_np(pthread_self(), c->name);
    if (c->is_nice)
        /* of this thread alone, on Linux; elsewhere nobody is nicer */
        (void)setpriority(PRIO_PROCESS, 0, NICE);
    while ((job = crew_next(c, &n_answered))) {
        job->work(job);
        job->mail.run = run_done;
        loop_post_outside(job->loop, &job->mail);
    }
    return NULL;
}

/* ---- on a loop ---- */

/* Under the lock. */
static void offload_push(struct crew *c, struct job *job)
{
    struct lane *lane = &c->lanes[job->is_stranger];

    job->next = NULL;
    if (lane->n)
        lane->last->next = job;
    else
        lane->first = job;
    lane->last = job;
    lane->n++;
}

/* Under the lock. */
static bool crew_is_full(const struct crew *c, const struct job *job)
{
    size_t most = c->share.n_waiting;

    if (!most)
        return false;
    return crew_waiting(c) >= most ||
           (job->is_stranger && c->lanes[true].n >= most - most / KNOWN_PART);
}

/* Under the lock: one more thread, when those there are have something to do. Without the first
 * nothing would ever be done. */
static void start_thread(struct crew *c)
{
    if (crew_waiting(c) <= c->n_idle || c->n_threads >= c->share.n_threads)
        return;
    if (pthread_create(&c->threads[c->n_threads], NULL, offload_thread_main, c) == 0)
        c->n_threads++;
    ASSERT(c->n_threads > 0);
}

int offload(struct loop *l, struct job *job)
{
    LOOP_ASSERT(l);
    struct crew *c = &l->set->offload->crews[job->class];

    job->loop = l;
    pthread_mutex_lock(&c->lock);
    bool is_refused = crew_is_full(c, job);
    if (!is_refused) {
        offload_push(c, job);
        start_thread(c);
    }
    pthread_mutex_unlock(&c->lock);
    if (is_refused) {
        loop_count(l, METRIC_OFFLOAD_REFUSED, 1);
        return OFFLOAD_FULL;
    }
    pthread_cond_signal(&c->news);
    l->n_jobs++;
    loop_count(l, jobs_metric[job->class], 1);
    return OFFLOAD_OK;
}

/* ---- what workers keep ---- */

void offload_ask_kept(struct loop_set *set)
{
    for (unsigned i = 0; i < OFFLOAD_CLASSES; i++) {
        struct crew *c = &set->offload->crews[i];
        pthread_mutex_lock(&c->lock);
        c->n_asked++;
        pthread_mutex_unlock(&c->lock);
        pthread_cond_broadcast(&c->news);
    }
}

size_t offload_take_kept(struct loop_set *set, struct mem_kept *ret_chains[OFFLOAD_KEPT_MAX])
{
    size_t n = 0;

    for (unsigned i = 0; i < OFFLOAD_CLASSES; i++) {
        struct crew *c = &set->offload->crews[i];
        pthread_mutex_lock(&c->lock);
        while (c->n_kept)
            ret_chains[n++] = c->kept[--c->n_kept];
        pthread_mutex_unlock(&c->lock);
    }
    return n;
}

size_t offload_n_kept(struct loop_set *set)
{
    size_t n = 0;

    for (unsigned i = 0; i < OFFLOAD_CLASSES; i++) {
        struct crew *c = &set->offload->crews[i];
        pthread_mutex_lock(&c->lock);
        n += c->n_kept;
        pthread_mutex_unlock(&c->lock);
    }
    return n;
}

/* ---- life ---- */

struct offload *offload_new(void)
{
    static const char *const names[] = {
        [OFFLOAD_STORE] = "store", [OFFLOAD_CRYPTO] = "crypto", [OFFLOAD_BULK] = "bulk"};
    struct offload *o = MEM_NEW(struct offload);

    for (unsigned i = 0; i < OFFLOAD_CLASSES; i++) {
        struct crew *c = &o->crews[i];
        ASSERT(pthread_mutex_init(&c->lock, NULL) == 0 && pthread_cond_init(&c->news, NULL) == 0);
        c->share = defaults[i];
        c->name = names[i];
        c->is_nice = i != OFFLOAD_STORE;
    }
    return o;
}

void offload_set_shares(struct loop_set *set, const struct offload_share shares[OFFLOAD_CLASSES])
{
    for (unsigned i = 0; i < OFFLOAD_CLASSES; i++) {
        struct crew *c = &set->offload->crews[i];
        ASSERT(!c->n_threads && shares[i].n_threads);
        c->share = shares[i];
        if (c->share.n_threads > THREADS_MAX)
            c->share.n_threads = THREADS_MAX;
    }
}

struct offload *offload_free(struct offload *o)
{
    for (unsigned i = 0; i < OFFLOAD_CLASSES; i++) {
        struct crew *c = &o->crews[i];
        pthread_mutex_lock(&c->lock);
        c->is_ending = true;
        pthread_mutex_unlock(&c->lock);
        pthread_cond_broadcast(&c->news);
        for (unsigned t = 0; t < c->n_threads; t++)
            pthread_join(c->threads[t], NULL);
        if (c->n_kept) /* the last ones who asked did not come back for them */
            mem_trim(c->kept, c->n_kept);
        pthread_cond_destroy(&c->news);
        pthread_mutex_destroy(&c->lock);
    }
    return mem_free(o);
}
