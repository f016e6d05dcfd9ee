/* child: the table of child_step put to work. Each event is one callback of libuv, the timer or the
 * worker; each action one function here. The object goes when its last handle is closed. */
#include "loop/child.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/account.h"
#include "base/held.h"
#include "loop/loop.h"
#include "loop/offload.h"

enum { STREAMS = 3 };

struct pipe_end {
    uv_pipe_t uv;
    struct child *child;
    bool is_open, is_paused;
};

struct child {
    struct list link; /* of its loop's */
    struct loop *loop;
    const struct child_ops *ops;
    void *owner;
    const struct child_calls *calls;
    struct account *account;      /* holds a reference */
    struct job job;               /* that starts it */
    struct spawn_request request; /* into `words` */
    /* owned: argv, env and folder; gone when it has been started */
    char *words;
    struct spawned spawned;
    struct child_end end;
    enum child_state state;
    bool is_cut; /* its loop is about to end */
    bool is_input_ending, was_full;
    uint32_t grace_ms;
    size_t n_waiting;   /* bytes of input not taken yet */
    unsigned n_handles; /* of libuv, not closed yet */
    struct pipe_end pipes[STREAMS];
    uv_poll_t exit;
    struct timer timer;
};

static const struct child_calls system_calls = {spawn, spawned_signal, spawned_reap};

static void child_happens(struct child *c, enum child_event event);

/* ---- its end ---- */

static void child_free(struct child *c)
{
    struct account *account = c->account;

    list_unlink(&c->link);
    c->ops->on_end(c->owner, &c->end);
    held_free(c);
    account_unref(account);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;

    if (--c->n_handles == 0 && c->state == CHILD_ENDED) {
        close(c->spawned.process_fd); /* which libuv only watched */
        child_free(c);
    }
}

static void pipe_close(struct pipe_end *p)
{
    if (!p->is_open)
        return;
    p->is_open = false;
    uv_close((uv_handle_t *)&p->uv, on_handle_closed);
}

static void child_finish(struct child *c)
{
    timer_stop(c->loop, &c->timer);
    for (int i = 0; i < STREAMS; i++)
        pipe_close(&c->pipes[i]);
    if (c->n_handles == 0) /* it was never started */
        child_free(c);
    else
        uv_close((uv_handle_t *)&c->exit, on_handle_closed);
}

/* ---- output ---- */

static bool is_all_read(const struct child *c)
{
    return !c->pipes[CHILD_OUTPUT].is_open && !c->pipes[CHILD_ERRORS].is_open;
}

static void child_on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct child *c = handle->data;

    (void)hint;
    /* No room: libuv reads nothing, and poll finds the pipe again in the next turn. */
    *buf = uv_buf_init(c->loop->scratch, loop_begin_read(c->loop, false) ? 0 : LOOP_SCRATCH);
}

static void child_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pipe_end *p = CONTAINER_OF(stream, struct pipe_end, uv);
    struct child *c = p->child;

    if (n > 0) {
        c->ops->on_output(c->owner, (enum child_stream)(p - c->pipes),
                          slice_make(buf->base, (size_t)n));
    } else if (n < 0 && n != UV_ENOBUFS) {
        pipe_close(p);
        if (is_all_read(c))
            child_happens(c, CHILD_READ);
    }
}

void child_pause(struct child *c, enum child_stream from)
{
    struct pipe_end *p = &c->pipes[from];

    LOOP_ASSERT(c->loop);
    p->is_paused = true;
    if (p->is_open)
        (void)uv_read_stop((uv_stream_t *)&p->uv);
}

void child_resume(struct child *c, enum child_stream from)
{
    struct pipe_end *p = &c->pipes[from];

    LOOP_ASSERT(c->loop);
    p->is_paused = false;
    if (p->is_open)
        (void)uv_read_start((uv_stream_t *)&p->uv, child_on_alloc, child_on_read);
}

/* ---- input ---- */

struct child_write {
    uv_write_t uv;
    size_t n_bytes;
    char bytes[];
};

static void child_on_written(uv_write_t *uv, int status)
{
    struct child_write *w = CONTAINER_OF(uv, struct child_write, uv);
    struct child *c = uv->handle->data;

    c->n_waiting -= w->n_bytes;
    held_free(w);
    if (status != 0 || (c->is_input_ending && c->n_waiting == 0))
        pipe_close(&c->pipes[CHILD_INPUT]);
    if (c->was_full && c->n_waiting <= CHILD_INPUT_MAX / 2) {
        c->was_full = false;
        if (c->ops->on_drained)
            c->ops->on_drained(c->owner);
    }
}

int child_write(struct child *c, struct slice bytes)
{
    struct child_write *w;
    uv_buf_t buf;

    LOOP_ASSERT(c->loop);
    if (!c->pipes[CHILD_INPUT].is_open || c->is_input_ending)
        return CHILD_CLOSED;
    if (bytes.len > CHILD_INPUT_MAX)
        return CHILD_NO_ROOM;
    if (bytes.len > CHILD_INPUT_MAX - c->n_waiting) {
        c->was_full = true;
        return CHILD_FULL;
    }
    w = held_new(sizeof(*w) + bytes.len, c->account);
    if (!w)
        /* what waits may be nothing, so waiting for it to be read could be for ever */
        return CHILD_NO_ROOM;
    w->n_bytes = bytes.len;
    if (bytes.len)
        memcpy(w->bytes, bytes.ptr, bytes.len);
    buf = uv_buf_init(w->bytes, (unsigned)bytes.len);
    if (uv_write(&w->uv, (uv_stream_t *)&c->pipes[CHILD_INPUT].uv, &buf, 1, child_on_written) !=
        0) {
        held_free(w);
        return CHILD_CLOSED;
    }
    c->n_waiting += bytes.len;
    return CHILD_OK;
}

void child_end_input(struct child *c)
{
    LOOP_ASSERT(c->loop);
    c->is_input_ending = true;
    if (c->n_waiting == 0)
        pipe_close(&c->pipes[CHILD_INPUT]);
}

/* ---- what happens to it ---- */

static void child_reap(struct child *c)
{
    /* While it is not reaped its number is its own. */
    c->calls->signal(&c->spawned, SIGKILL);
    if (c->calls->reap(&c->spawned, &c->end.ending) != 0)
        c->end.ending = (struct spawn_ending){.status = -1};
    pipe_close(&c->pipes[CHILD_INPUT]);
    timer_start(c->loop, &c->timer, CHILD_DRAIN_MS);
    if (is_all_read(c))
        child_happens(c, CHILD_READ);
}

static void child_happens(struct child *c, enum child_event event)
{
    switch (child_step(&c->state, event)) {
    case CHILD_DO_NOTHING:
        break;
    case CHILD_DO_TELL:
        c->ops->on_started(c->owner);
        break;
    case CHILD_DO_ASK:
        c->calls->signal(&c->spawned, SIGTERM);
        timer_start(c->loop, &c->timer, c->grace_ms);
        break;
    case CHILD_DO_KILL:
        c->calls->signal(&c->spawned, SIGKILL);
        timer_start(c->loop, &c->timer, CHILD_KILL_AGAIN_MS);
        break;
    case CHILD_DO_REAP:
        child_reap(c);
        break;
    case CHILD_DO_END:
        child_finish(c);
        break;
    }
}

/* Its owner may be reading what it wrote before it ended, at its own pace. */
static bool is_waiting_for_owner(const struct child *c)
{
    return c->state == CHILD_DRAINING &&
           ((c->pipes[CHILD_OUTPUT].is_open && c->pipes[CHILD_OUTPUT].is_paused) ||
            (c->pipes[CHILD_ERRORS].is_open && c->pipes[CHILD_ERRORS].is_paused));
}

static void child_on_due(struct timer *t)
{
    struct child *c = CONTAINER_OF(t, struct child, timer);

    if (is_waiting_for_owner(c))
        timer_start(c->loop, t, CHILD_DRAIN_MS);
    else
        child_happens(c, CHILD_DUE);
}

static void on_exit_seen(uv_poll_t *poll, int status, int events)
{
    struct child *c = poll->data;

    (void)status;
    (void)events;
    (void)uv_poll_stop(poll);
    child_happens(c, CHILD_EXITED);
}

void child_stop(struct child *c)
{
    LOOP_ASSERT(c->loop);
    c->end.was_asked |= c->state < CHILD_DRAINING;
    child_happens(c, CHILD_STOP);
}

void child_kill(struct child *c)
{
    LOOP_ASSERT(c->loop);
    c->end.was_asked |= c->state < CHILD_DRAINING;
    child_happens(c, CHILD_KILL);
}

/* ---- owners that go first ---- */

static void nobody_started(void *owner)
{
    (void)owner;
}

static void nobody_reads(void *owner, enum child_stream from, struct slice bytes)
{
    (void)owner;
    (void)from;
    (void)bytes;
}

static void nobody_ends(void *owner, const struct child_end *end)
{
    (void)owner;
    (void)end;
}

static const struct child_ops abandoned_ops = {nobody_started, nobody_reads, NULL, nobody_ends};

struct child *child_abandon(struct child *c)
{
    if (!c)
        return NULL;
    c->ops = &abandoned_ops;
    child_resume(c, CHILD_OUTPUT);
    child_resume(c, CHILD_ERRORS);
    child_kill(c);
    return NULL;
}

static void child_cut(struct child *c)
{
    if (c->state == CHILD_STARTING || c->state == CHILD_UNWANTED || c->state == CHILD_ENDED)
        return;
    if (c->state != CHILD_DRAINING)
        c->calls->signal(&c->spawned, SIGKILL);
    c->state = CHILD_ENDED;
    child_finish(c);
}

void child_end_all(struct loop *l)
{
    struct list *next;

    LOOP_ASSERT(l);
    for (struct list *i = l->children.next; i != &l->children; i = next) {
        struct child *c = LIST_ENTRY(i, struct child, link);
        next = i->next;
        c->ops = &abandoned_ops;
        c->is_cut = true;
        child_cut(c);
    }
}

/* ---- its start ---- */

static void child_open_pipe(struct child *c, enum child_stream which)
{
    struct pipe_end *p = &c->pipes[which];
    int r = uv_pipe_init(&c->loop->uv, &p->uv, 0);

    ASSERT(r == 0); /* it only fills in the struct */
    p->uv.data = c;
    p->is_open = true;
    c->n_handles++;
    r = uv_pipe_open(&p->uv, c->spawned.streams[which]);
    ASSERT(r == 0); /* a descriptor of ours that is fresh */
}

/* The process has no handle without a descriptor to watch: opening one fails only for descriptors
 * that cannot be polled. */
static void child_watch(struct child *c)
{
    int r = uv_poll_init(&c->loop->uv, &c->exit, c->spawned.process_fd);

    ASSERT(r == 0);
    c->exit.data = c;
    c->n_handles++;
    r = uv_poll_start(&c->exit, UV_READABLE, on_exit_seen);
    ASSERT(r == 0);
    for (int i = 0; i < STREAMS; i++)
        child_open_pipe(c, (enum child_stream)i);
}

static void spawn_work(struct job *job)
{
    struct child *c = CONTAINER_OF(job, struct child, job);

    if (c->calls->spawn(&c->request, &c->spawned, &c->end.failure) == 0)
        c->end.failure.stage = SPAWN_RUNS;
}

static void spawn_done(struct job *job)
{
    struct child *c = CONTAINER_OF(job, struct child, job);

    c->words = held_free(c->words);
    if (c->end.failure.stage != SPAWN_RUNS) {
        child_happens(c, CHILD_FAILED);
        return;
    }
    child_watch(c);
    child_happens(c, CHILD_STARTED);
    if (c->is_cut)
        child_cut(c);
    for (int i = CHILD_OUTPUT; i <= CHILD_ERRORS; i++) {
        if (c->pipes[i].is_open && !c->pipes[i].is_paused)
            child_resume(c, (enum child_stream)i);
    }
}

/* What the worker reads while its asker goes on: both lists and all their texts in one block. */
static void words_measure(const char *const *list, size_t *n_places, size_t *n_bytes)
{
    for (; *list; list++) {
        (*n_places)++;
        *n_bytes += strlen(*list) + 1;
    }
    (*n_places)++;
}

static const char *copy_word(char **texts, const char *word)
{
    size_t n_bytes = strlen(word) + 1;
    char *copy = memcpy(*texts, word, n_bytes);

    *texts += n_bytes;
    return copy;
}

static const char **copy_words(const char ***places, char **texts, const char *const *list)
{
    const char **copy = *places;

    for (; *list; list++)
        *(*places)++ = copy_word(texts, *list);
    *(*places)++ = NULL;
    return copy;
}

static int child_copy_request(struct child *c, const struct spawn_request *r)
{
    size_t n_places = 0, n_bytes = r->folder ? strlen(r->folder) + 1 : 0;
    const char **places;
    char *texts;

    words_measure(r->argv, &n_places, &n_bytes);
    words_measure(r->env, &n_places, &n_bytes);
    c->words = held_new(n_places * sizeof(char *) + n_bytes, c->account);
    if (!c->words)
        return -1;
    places = (const char **)(void *)c->words;
    texts = c->words + n_places * sizeof(char *);
    c->request.argv = copy_words(&places, &texts, r->argv);
    c->request.env = copy_words(&places, &texts, r->env);
    c->request.folder = r->folder ? copy_word(&texts, r->folder) : NULL;
    c->request.limits = r->limits;
    return 0;
}

struct child *child_start(struct loop *l, const struct child_request *request,
                          const struct child_ops *ops, void *owner)
{
    LOOP_ASSERT(l);
    struct child *c = held_new(sizeof(*c), request->account);

    if (!c)
        return NULL;
    c->loop = l;
    c->ops = ops;
    c->owner = owner;
    c->calls = request->calls ? request->calls : &system_calls;
    c->account = request->account;
    c->grace_ms = request->grace_ms;
    c->end.ending.status = -1;
    for (int i = 0; i < STREAMS; i++)
        c->pipes[i].child = c;
    timer_init(&c->timer, child_on_due);
    c->job = (struct job){.class = OFFLOAD_STORE, .work = spawn_work, .done = spawn_done};
    if (child_copy_request(c, &request->spawn) != 0 || offload(l, &c->job) != OFFLOAD_OK) {
        held_free(c->words);
        return held_free(c);
    }
    account_ref(c->account);
    list_link(&l->children, &c->link);
    return c;
}
