/* rpc_answer: where an answer goes is fixed by the promise: the full form names its paths, the
 * compact one means <session>.resolve and so on; both go to the caller the router stamped, whatever
 * the promise says about targets. An answer too large for a frame travels through the caller's
 * message_cache under its session, which keeps its timer going. */
#include "rpc/rpc_answer.h"

#include "base/held.h"
#include "base/memory.h"
#include "rpc/bind.h"
#include "rpc/rpc_call.h"
#include "rpc/chunks_out.h"
#include "rpc/rpc_frame.h"

/* {"args": [ one value follows */
static const char answer_open[] = "\x81\xa4"
                                  "args"
                                  "\x91";
static const char nil_value[] = "\xc0";

static struct frame answer_frame(const struct answer_route *r, struct slice full,
                                 struct slice compact_suffix)
{
    struct frame f = {.to = r->to, .parent = r->parent, .method = full, .payer = r->payer};

    if (r->promise->is_compact) {
        f.method = r->parent;
        f.suffix = compact_suffix;
    }
    return f;
}

/* Where to say that a large answer could not be brought: the caller may be there and refuse
 * chunks. */
struct undelivered {
    struct rpc_host *host; /* alive: an upload ends before its host does */
    struct account *payer; /* this block's */
    struct slice to, method, parent;
    char text[];
};

static struct slice copy_to(char **at, struct slice s)
{
    struct slice copy = {*at, s.len};

    if (s.len)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return copy;
}

static struct undelivered *undelivered_new(struct rpc_host *h, const struct answer_route *r)
{
    struct frame f = answer_frame(r, r->promise->reject, SLICE_LIT(".reject"));
    struct undelivered *u =
        held_new(sizeof(*u) + f.to.len + f.method.len + f.suffix.len + f.parent.len, r->payer);
    char *at = u ? u->text : NULL;

    if (!u)
        return NULL;
    u->host = h;
    u->payer = r->payer;
    u->to = copy_to(&at, f.to);
    u->method = copy_to(&at, f.method);
    u->method.len += copy_to(&at, f.suffix).len;
    u->parent = copy_to(&at, f.parent);
    return u;
}

static void rpc_answer_on_upload_ended(void *arg, const struct rpc_reply *why)
{
    struct undelivered *u = arg;

    if (why && why->outcome != RPC_GONE && why->outcome != RPC_CLOSED) {
        SCRATCH_BUF(words, 0);
        SCRATCH_BUF(b, 0);
        buf_add_text(&words, "The result could not be delivered: ");
        buf_add_slice(&words, slice_utf8_prefix(why->text, BIND_ERROR_MAX));
        buf_add(&b, answer_open, sizeof(answer_open) - 1);
        rpc_value_add_error(&b, "RuntimeError", buf_slice(&words));
        if (!b.is_failed)
            frame_send_or_drop(u->host, &(struct frame){.to = u->to,
                                                        .method = u->method,
                                                        .parent = u->parent,
                                                        .body = {buf_slice(&b)},
                                                        .payer = u->payer});
    }
    held_free(u);
}

/* The asker's account has no room for the answer. */
static void rpc_answer_refuse_for_room(struct rpc_host *h, const struct answer_route *r)
{
    struct frame f = answer_frame(r, r->promise->reject, SLICE_LIT(".reject"));
    struct account_refusal why = account_refusal(r->payer);
    char room[ACCOUNT_REFUSAL_MAX];
    SCRATCH_BUF(b, 0);

    rpc_value_add_error(&b, "RuntimeError",
                        slice_of(account_refusal_text(
                            &why, "No room for the answer, take earlier answers first", room)));
    f.body[0] = slice_make(answer_open, sizeof(answer_open) - 1);
    f.body[1] = buf_slice(&b);
    frame_send_or_drop(h, &f);
}

static void upload_answer(struct rpc_host *h, const struct answer_route *r, struct msg *m)
{
    struct undelivered *u = undelivered_new(h, r);

    if (!u) {
        msg_unref(m);
        rpc_answer_refuse_for_room(h, r);
        return;
    }
    (void)upload_out_new(h, &(struct upload_options){.target = r->to,
                                                     .session = r->parent,
                                                     .frame = m,
                                                     .payer = r->payer,
                                                     .ended = rpc_answer_on_upload_ended,
                                                     .arg = u});
}

void answer_send(struct rpc_host *h, const struct answer_route *r, bool is_result,
                 struct slice value, struct blob *blob)
{
    struct frame f = is_result ? answer_frame(r, r->promise->resolve, SLICE_LIT(".resolve"))
                               : answer_frame(r, r->promise->reject, SLICE_LIT(".reject"));

    f.body[0] = slice_make(answer_open, sizeof(answer_open) - 1);
    if (blob) {
        f.tail = value;
        f.blob = blob;
    } else {
        f.body[1] = value.len ? value : slice_make(nil_value, 1);
    }
    struct msg *m = frame_new(h, &f);
    if (!m)
        rpc_answer_refuse_for_room(h, r);
    else if (frame_is_large(m))
        upload_answer(h, r, m);
    else if (router_send(h->rl->router, host_loop(h), r->to, m) != ROUTER_OK)
        msg_unref(m);
}

void answer_error(struct rpc_host *h, const struct answer_route *r, const char *class_name,
                  struct slice text)
{
    SCRATCH_BUF(b, 0);

    rpc_value_add_error(&b, class_name, text);
    if (!b.is_failed)
        answer_send(h, r, false, buf_slice(&b), NULL);
}

void answer_beat(struct rpc_host *h, const struct answer_route *r)
{
    struct frame f = answer_frame(r, r->promise->heartbeat, SLICE_LIT(".heartbeat"));

    (void)!frame_send(h, &f); /* one beat of many: its loss is no answer lost */
}
