/* queue_store: a task in the store is one record under "workspace/incarnation NUL queue NUL number
 * user": the key has all that is needed to put it back where it was, and keys in order are tasks in
 * order.
 *
 * The tasks of a workspace that is deleted leave the store over turns, and a server that is killed
 * meanwhile leaves some there. The incarnation, which is drawn anew each time a workspace is made
 * and is stored with it, keeps them from the one that is made again under its id: at the start they
 * are nobody's, and removed. Without "/incarnation" it is 0. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "peer/hub.h"
#include "queue/queue_internal.h"
#include "wire/mp.h"

static const char BUCKET[] = "queues";

enum { NUMBER_BYTES = 8, INCARNATION_DIGITS = 16 };

static void queue_store_add_key(struct buf *b, const struct queue_task *t)
{
    const struct workspace_queues *s = t->queue->in_workspace;

    buf_add_text(b, s->workspace);
    if (s->incarnation)
        buf_add_fmt(b, "/%016" PRIx64, s->incarnation);
    buf_add_byte(b, 0);
    buf_add_slice(b, queue_name(t->queue));
    buf_add_byte(b, 0);
    for (int i = NUMBER_BYTES - 1; i >= 0; i--)
        buf_add_byte(b, (uint8_t)(t->number >> (8 * i)));
    buf_add_slice(b, queue_task_user(t));
}

void queue_task_store(struct queues *qs, const struct queue_task *t, store_done *done, void *arg)
{
    SCRATCH_BUF(key, 0);

    queue_store_add_key(&key, t);
    store_put(qs->hub->store, BUCKET, buf_slice(&key), queue_task_value(t), 0, done, arg);
}

void queue_task_unstore(struct queues *qs, const struct queue_task *t, store_done *done, void *arg)
{
    SCRATCH_BUF(key, 0);

    queue_store_add_key(&key, t);
    store_remove(qs->hub->store, BUCKET, buf_slice(&key), done, arg);
}

/* ---- what the store kept ---- */

struct loading {
    struct queues *qs;
    void (*loaded)(struct queues *qs, bool is_ok);
    size_t n_tasks, n_orphans;
};

struct place {
    struct slice workspace, queue, user;
    uint64_t incarnation, number;
};

static int queue_store_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* No workspace has a slash in its id. */
static bool queue_store_read_workspace(struct slice text, struct place *ret)
{
    struct slice digits;

    ret->incarnation = 0;
    if (!slice_cut(text, '/', &ret->workspace, &digits)) {
        ret->workspace = text;
        return true;
    }
    for (size_t i = 0; i < digits.len; i++) {
        int digit = queue_store_hex_digit(digits.ptr[i]);
        if (digit < 0)
            return false;
        ret->incarnation = ret->incarnation << 4 | (unsigned)digit;
    }
    return digits.len == INCARNATION_DIGITS;
}

/* user: empty in keys of earlier releases. */
static bool queue_store_read_key(struct slice key, struct place *ret)
{
    struct slice workspace, rest;

    if (!slice_cut(key, '\0', &workspace, &rest) || !queue_store_read_workspace(workspace, ret) ||
        !slice_cut(rest, '\0', &ret->queue, &rest) || rest.len < NUMBER_BYTES)
        return false;
    ret->number = 0;
    ret->user = slice_from(rest, NUMBER_BYTES);
    for (size_t i = 0; i < NUMBER_BYTES; i++)
        ret->number = ret->number << 8 | (uint8_t)rest.ptr[i];
    return true;
}

static bool is_task(struct slice bytes)
{
    struct slice rest = bytes, value;

    return mp_take(&rest, MP_MAX_DEPTH, &value) == MP_OK && !rest.len && mp_is(value, MP_MAP);
}

/* False: nobody can take it any more. */
static bool bring_back(struct queues *qs, struct slice key, struct slice bytes)
{
    struct place at;

    if (!queue_store_read_key(key, &at) || !is_task(bytes))
        return false;
    const struct workspace *w = workspace_find(&qs->hub->registry, at.workspace);
    if (!w || w->incarnation != at.incarnation || !(w->is_persistent || w->is_system))
        return false;
    if (at.number >= qs->next_number) /* whatever becomes of it here, its key is taken */
        qs->next_number = at.number + 1;
    struct workspace_queues *s = queues_of_workspace(qs, w);
    struct queue *q = queue_get(s, at.queue, at.user);
    struct queue_task *t = q ? queue_task_new(q, at.number, at.user, bytes) : NULL;
    if (!t) {
        LOG(LOG_ERROR, "queue", "no room for a task the store kept",
            log_slice("workspace", at.workspace));
        if (q)
            queues_settle(qs, q);
        else
            queues_drop_if_empty(qs, s);
        return true; /* it stays in the store: with more room it comes back */
    }
    queue_task_enqueue(t);
    return true;
}

static void queue_store_on_kept(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct loading *l = arg;
    struct queues *qs = l->qs;

    if (outcome == STORE_OK) {
        if (qs->is_closed)
            return;
        if (bring_back(qs, key, bytes)) {
            l->n_tasks++;
        } else {
            l->n_orphans++;
            store_remove(qs->hub->store, BUCKET, key, NULL, NULL);
        }
        return;
    }
    if (l->n_tasks || l->n_orphans)
        LOG(LOG_INFO, "queue", "tasks read from the store", log_int("tasks", (int64_t)l->n_tasks),
            log_int("of_no_workspace", (int64_t)l->n_orphans));
    if (!qs->is_closed)
        l->loaded(qs, outcome == STORE_ABSENT);
    mem_free(l);
    queues_answered(qs);
}

void queue_tasks_load(struct queues *qs, void (*loaded)(struct queues *qs, bool is_ok))
{
    struct loading *l = MEM_NEW(struct loading);

    *l = (struct loading){.qs = qs, .loaded = loaded};
    qs->n_asked++;
    store_scan(qs->hub->store, BUCKET, queue_store_on_kept, l);
}
