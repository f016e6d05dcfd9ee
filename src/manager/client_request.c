/* client_request: users are counted by the person behind them (D-11): child tokens share their
 * parent's places. */
#include "manager/client_request.h"

#include <string.h>

#include "base/list.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/manager_internal.h"
#include "peer/hub.h"

struct asker {
    size_t n_asks;
    size_t key_len;
    char key[];
};

struct client_request {
    struct manager *m;
    struct asker *asker;
    rpc_done *done;
    void *arg;
    uint64_t request;
};

static struct asker *asker_of(struct manager *m, const struct user *u)
{
    struct slice key = slice_of(user_effective_id(u));
    struct asker *a = map_find(&m->askers, key);

    if (a)
        return a;
    a = mem_new(sizeof(*a) + key.len);
    a->key_len = key.len;
    memcpy(a->key, key.ptr, key.len);
    map_put(&m->askers, slice_make(a->key, a->key_len), a);
    return a;
}

static void ask_free(struct client_request *a)
{
    struct asker *asker = a->asker;

    if (--asker->n_asks == 0) {
        map_take(&a->m->askers, slice_make(asker->key, asker->key_len));
        mem_free(asker);
    }
    mem_free(a);
}

static void on_done(const struct rpc_reply *reply, void *arg)
{
    struct client_request *a = arg;
    rpc_done *done = a->done;
    void *done_arg = a->arg;

    /* The place is free before the next question may be asked. */
    ask_free(a);
    done(reply, done_arg);
}

struct client_request *client_request_send(struct manager *m, const struct rpc_call *call,
                                           const struct rpc_request *request, rpc_done *done,
                                           void *arg)
{
    size_t share = loop_config(m->hub->loop)->max_pending_calls / CLIENT_REQUEST_SHARE;
    struct asker *asker = asker_of(m, call->user);

    if (asker->n_asks >= (share > CLIENT_REQUEST_FLOOR ? share : CLIENT_REQUEST_FLOOR))
        return NULL;
    struct client_request *a = MEM_NEW(struct client_request);
    struct rpc_request paid = *request;
    paid.payer = rpc_call_payer(call);
    *a = (struct client_request){m, asker, done, arg, 0};
    asker->n_asks++;
    a->request = rpc_request(m->host, &paid, on_done, a);
    return a;
}

void client_request_cancel(struct client_request *a)
{
    rpc_cancel(a->m->host, a->request);
    ask_free(a);
}

void client_request_reject(struct rpc_call *call)
{
    rpc_reject(call, "RuntimeError",
               "Too many pending calls: wait until earlier ones have been answered");
}
