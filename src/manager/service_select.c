/* service_select: the calls run side by side, each under its own deadline, so that a hanging
 * instance costs the timeout and no more. An instance that fails, answers null or lacks the
 * function is passed over. */
#include "manager/service_select.h"

#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "manager/client_request.h"
#include "manager/manager_internal.h"
#include "registry/registry.h"
#include "wire/mp.h"

struct instance {
    struct selection *selection;
    char *full_id;              /* owned */
    struct client_request *ask; /* while it is waited for */
    double value;
    bool is_usable;
};

struct selection {
    enum service_criterion criterion;
    service_selected *done;
    void *arg;
    size_t n, n_waiting;
    struct instance instances[];
};

static const struct instance *select_best(const struct selection *s)
{
    const struct instance *found = NULL;

    for (size_t i = 0; i < s->n; i++) {
        const struct instance *it = &s->instances[i];
        if (it->is_usable && (!found || (s->criterion == SELECT_MIN && it->value < found->value) ||
                              (s->criterion == SELECT_MAX && it->value > found->value)))
            found = it;
    }
    if (found)
        return found;
    uint32_t dice;
    random_bytes(&dice, sizeof(dice));
    return &s->instances[dice % s->n];
}

static void select_finish(struct selection *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->instances[i].ask)
            client_request_cancel(s->instances[i].ask);
    }
    s->done(select_best(s)->full_id, s->arg);
    for (size_t i = 0; i < s->n; i++)
        mem_free(s->instances[i].full_id);
    mem_free(s);
}

static void select_on_answer(const struct rpc_reply *reply, void *arg)
{
    struct instance *it = arg;
    struct selection *s = it->selection;

    it->ask = NULL;
    s->n_waiting--;
    if (reply->outcome == RPC_RESOLVED)
        it->is_usable =
            s->criterion == SELECT_FIRST_SUCCESS || mp_get_num(reply->value, &it->value);
    if (s->n_waiting == 0 || (it->is_usable && s->criterion == SELECT_FIRST_SUCCESS))
        select_finish(s);
}

/* Not asked, because the caller has too many questions open: passed over like one that fails. */
static void select_ask(struct manager *m, const struct rpc_call *call,
                       const struct service_question *q, struct instance *it,
                       const struct service *service)
{
    SCRATCH_BUF(method, 0);

    buf_add_text(&method, "services.");
    buf_add_slice(&method, service->name);
    buf_add_byte(&method, '.');
    buf_add_slice(&method, q->choice->function);
    struct rpc_request request = {.target = slice_of(service->client->full_id),
                                  .method = buf_slice(&method),
                                  .promise = RPC_PROMISE_FULL,
                                  .deadline_ms = (uint64_t)(q->timeout_s * 1000) + 1};
    it->ask = client_request_send(m, call, &request, select_on_answer, it);
    it->selection->n_waiting += it->ask != NULL;
}

void service_select(struct manager *m, const struct rpc_call *call,
                    const struct service_question *q, service_selected *done, void *arg)
{
    const struct service_set *set = q->set;
    size_t n = set->n_items < SELECT_ASKED_MAX ? set->n_items : SELECT_ASKED_MAX;
    struct selection *s = mem_new(sizeof(*s) + n * sizeof(struct instance));
    uint32_t start = 0;

    *s = (struct selection){.criterion = q->choice->criterion, .done = done, .arg = arg, .n = n};
    if (n < set->n_items)
        random_bytes(&start, sizeof(start));
    for (size_t i = 0; i < n; i++) {
        const struct service *service = set->items[(start + i) % set->n_items];
        s->instances[i].selection = s;
        s->instances[i].full_id = mem_copy(service->full_id, strlen(service->full_id));
        select_ask(m, call, q, &s->instances[i], service);
    }
    if (!s->n_waiting)
        select_finish(s);
}
