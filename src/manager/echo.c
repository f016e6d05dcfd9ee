/* echo: the methods that fit in a line or two. */
#include "base/buf.h"
#include "base/memory.h"
#include "loop/offload.h"
#include "manager/caller_access.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "rpc/rpc.h"
#include "wire/rpc_value.h"

/* ---- echo ---- */

enum { SHORT_ECHO = 32 * 1024 };

/* A long value is copied by a worker. It cannot go back as it lies there: what a client has sent
 * holds it back until it is gone, and the client would not be heard while it takes its answer. */
struct echo {
    struct job job;
    struct rpc_call *call;
    struct held_buf out;
};

/* What comes back is relayed: a bare reference in it would be read as one of the hub's. */
static void echo_write(struct job *job)
{
    struct echo *e = CONTAINER_OF(job, struct echo, job);

    rpc_value_expand(e->call->args[0], e->call->workspace, &e->out.b);
}

static void echo_written(struct job *job)
{
    struct echo *e = CONTAINER_OF(job, struct echo, job);

    reply_buf(e->call, &e->out.b);
    held_buf_deinit(&e->out);
    mem_free(e);
}

void do_echo(struct rpc_call *call, void *arg)
{
    struct refusal r;
    struct echo *e;

    (void)arg;
    if (!access_allows(call, OPERATION_ECHO, &r)) {
        reply_refusal(call, &r);
        return;
    }
    e = MEM_NEW(struct echo);
    e->call = call;
    e->job = (struct job){.class = OFFLOAD_BULK,
                          .is_stranger = call->user->is_anonymous,
                          .work = echo_write,
                          .done = echo_written};
    held_buf_init(&e->out, 0, rpc_call_payer(call));
    if (call->args[0].len <= SHORT_ECHO) {
        echo_write(&e->job);
        echo_written(&e->job);
    } else if (offload(rpc_host_loop(call->host), &e->job) != OFFLOAD_OK) {
        rpc_reject(call, "RuntimeError", "Too many large answers are being written, please retry");
        held_buf_deinit(&e->out);
        mem_free(e);
    }
}
