/* workspace_list: list_workspaces. How long it takes grows with all the workspaces there are and
 * with their records, so it takes as many turns as it needs: first each is looked at, and those
 * that fit go into a heap by their ids, then the page is taken from its top. Workspaces may come
 * and go meanwhile. */
#include <string.h>

#include "base/held.h"
#include "base/memory.h"
#include "loop/work.h"
#include "manager/caller_access.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

/* A record has 13 fields. */
enum { PAGE_MOST = 256, MATCH_MOST = 64 };

struct workspace_list {
    struct work work;
    struct hub *hub;
    struct rpc_call *call;
    /* of those that fit: how many are left out, how many are wanted then */
    int64_t n_skip, n_left;
    struct held_buf ids; /* of all there were, each with its NUL */
    size_t at;           /* in ids: the next to be looked at */
    const char **heap;   /* held: ids that fit, the least on top */
    size_t n_heap, n_room;
    struct held_buf out;
    struct mp_open list; /* in out */
    bool has_gone, has_failed;
};

/* ---- the heap ---- */

static bool heap_push(struct workspace_list *l, const char *id)
{
    size_t i = l->n_heap;

    if (l->n_heap == l->n_room) {
        size_t room = l->n_room ? l->n_room * 2 : 64;
        const char **grown = held_resize(l->heap, room * sizeof(*grown), rpc_call_payer(l->call));
        if (!grown)
            return false;
        l->heap = grown;
        l->n_room = room;
    }
    for (; i > 0 && strcmp(id, l->heap[(i - 1) / 2]) < 0; i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = id;
    l->n_heap++;
    return true;
}

static const char *heap_pop(struct workspace_list *l)
{
    const char *top = l->heap[0], *last = l->heap[--l->n_heap];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < l->n_heap) {
        if (child + 1 < l->n_heap && strcmp(l->heap[child + 1], l->heap[child]) < 0)
            child++;
        if (strcmp(last, l->heap[child]) <= 0)
            break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = last;
    return top;
}

/* ---- one workspace ---- */

static bool workspace_list_matches(struct workspace_list *l, const struct workspace *w)
{
    struct slice match = l->call->args[0];
    struct mp_iter it;
    struct slice key, value, mine;
    SCRATCH_BUF(record, 0);
    bool ok = true;

    if (!mp_count(match))
        return true;
    workspace_add_mp(&record, w, false);
    l->has_failed = l->has_failed || record.is_failed;
    mp_iter_init(&it, match);
    while (ok && mp_iter_pair(&it, &key, &value)) {
        struct slice name = {NULL, 0};
        char *text = mp_get_str(key, &name) ? mem_copy(name.ptr, name.len) : NULL;
        ok = text && mp_find(buf_slice(&record), text, &mine) && slice_eq(mine, value);
        mem_free(text);
    }
    return ok;
}

static void workspace_list_add_item(struct mp_open *list, const struct workspace *w)
{
    struct buf *b = list->buf;

    mp_item(list);
    mp_add_map(b, 6);
    mp_add_text(b, "id");
    mp_add_text(b, w->id);
    mp_add_text(b, "name");
    mp_add_text(b, w->id);
    mp_add_text(b, "description");
    mp_add_text(b, w->description);
    mp_add_text(b, "read_only");
    mp_add_bool(b, w->is_read_only);
    mp_add_text(b, "persistent");
    mp_add_bool(b, w->is_persistent);
    mp_add_text(b, "owners");
    mp_add_array(b, (uint32_t)w->n_owners);
    for (size_t i = 0; i < w->n_owners; i++)
        mp_add_text(b, w->owners[i]);
}

/* NULL: it has gone, or is none of the caller's. */
static const struct workspace *workspace_list_known(const struct workspace_list *l, const char *id)
{
    const struct workspace *w = workspace_find(&l->hub->registry, slice_of(id));

    return w && access_knows_of(l->call, w) ? w : NULL;
}

/* ---- the walk ---- */

static void workspace_list_look(struct workspace_list *l)
{
    const char *id = l->ids.b.ptr + l->at;
    const struct workspace *w = workspace_list_known(l, id);

    l->at += strlen(id) + 1;
    if (w && workspace_list_matches(l, w) && !heap_push(l, id))
        l->has_failed = true;
}

static void workspace_list_take(struct workspace_list *l)
{
    const struct workspace *w = workspace_list_known(l, heap_pop(l));

    if (!w)
        return;
    if (l->n_skip) {
        l->n_skip--;
        return;
    }
    l->n_left--;
    workspace_list_add_item(&l->list, w);
}

static bool workspace_list_step(struct work *w)
{
    struct workspace_list *l = CONTAINER_OF(w, struct workspace_list, work);

    if (l->has_gone || l->has_failed || l->out.b.is_failed)
        return false;
    if (l->at < l->ids.b.len)
        workspace_list_look(l);
    else if (l->n_heap && l->n_left)
        workspace_list_take(l);
    else
        return false;
    return true;
}

static void workspace_list_done(struct work *w)
{
    struct workspace_list *l = CONTAINER_OF(w, struct workspace_list, work);

    mp_close(&l->list);
    l->out.b.is_failed |= l->has_failed;
    reply_buf(l->call, &l->out.b);
    held_buf_deinit(&l->ids);
    held_free(l->heap);
    mem_free(l);
}

/* Nobody waits for it any more. */
static void workspace_list_on_gone(struct rpc_call *call)
{
    ((struct workspace_list *)call->state)->has_gone = true;
}

/* ---- the call ---- */

static bool workspace_list_read_page(const struct rpc_call *call, int64_t *ret_offset,
                                     int64_t *ret_limit, struct refusal *r)
{
    *ret_offset = 0;
    *ret_limit = PAGE_MOST;
    (void)mp_get_int(call->args[1], ret_offset);
    (void)mp_get_int(call->args[2], ret_limit);
    if (*ret_offset < 0)
        return refuse(r, "ValueError", "Offset number must be greater than or equal to 0");
    if (*ret_limit <= 0 || *ret_limit > PAGE_MOST)
        return refuse(r, "ValueError", "Limit must be greater than 0 and less than 256");
    if (mp_count(call->args[0]) > MATCH_MOST)
        return refuse(r, "ValueError", "A match may name at most %d fields", MATCH_MOST);
    return true;
}

static void note_ids(struct workspace_list *l)
{
    size_t at = 0;
    void *value;

    while (map_next(&l->hub->registry.workspaces, &at, NULL, &value)) {
        const struct workspace *w = value;
        buf_add(&l->ids.b, w->id, strlen(w->id) + 1);
    }
    l->has_failed = l->ids.b.is_failed;
}

void do_list_workspaces(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    int64_t offset, limit;
    struct refusal r;

    if (!access_allows(call, OPERATION_LIST_WORKSPACES, &r) ||
        !workspace_list_read_page(call, &offset, &limit, &r)) {
        reply_refusal(call, &r);
        return;
    }
    struct workspace_list *l = MEM_NEW(struct workspace_list);
    *l = (struct workspace_list){
        .work = {.step = workspace_list_step, .done = workspace_list_done, .at_once = 1},
        .hub = m->hub,
        .call = call,
        .n_skip = offset,
        .n_left = limit};
    work_init(&l->work, m->hub->loop, &m->works);
    held_buf_init(&l->ids, 0, rpc_call_payer(call));
    held_buf_init(&l->out, 0, rpc_call_payer(call));
    mp_open_array(&l->list, &l->out.b);
    call->state = l;
    call->on_gone = workspace_list_on_gone;
    note_ids(l);
    work_start(&l->work);
}
