/* pending: a session of ours. It ends exactly once: by an answer, by silence, by its deadline, by
 * the target's leaving, by cancelling or by the host's closing. Whatever can happen inside
 * rpc_request, or inside somebody else's sending, is put on the host's list of finished ones, so
 * `done` never runs under a caller's feet; an answer and a timer call it at once.
 *
 * A large call travels in chunks (chunks_out.c); its own timer runs meanwhile and every step
 * answered starts it again. */
#include "rpc/pending.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "config/config.h"
#include "rpc/chunks_out.h"
#include "rpc/rpc_dispatch.h"
#include "rpc/rpc_frame.h"
#include "rpc/payload.h"
#include "wire/mp.h"

enum { PENDING_WORDS_MAX = 512, PENDING_METHOD_MAX = 256 };
/* bytes of an encoded error: it is looked through for each of its texts */
enum { ERROR_MAX = 64 * 1024 };

/* ---- ending ---- */

/* Nobody can find it any more; only `done` is still owed. */
static void pending_unlink(struct pending *p)
{
    struct rpc_host *h = p->host;

    map_take(&h->sessions, slice_of(p->session));
    timer_stop(host_loop(h), &p->silence);
    timer_stop(host_loop(h), &p->deadline);
    list_unlink(&p->wait);
    remote_drop(p->remote);
    p->remote = NULL;
    upload_out_abandon(p->upload);
    p->upload = NULL;
}

static void pending_free(struct pending *p)
{
    list_unlink(&p->link);
    list_unlink(&p->due);
    p->host->n_pendings--;
    held_buf_deinit(&p->words);
    account_release(p->payer, p->n_charged);
    account_unref(p->payer);
    mem_free(p);
}

static void pending_end(struct pending *p, const struct rpc_reply *reply)
{
    struct rpc_host *h = p->host;
    rpc_done *done = p->done;
    void *arg = p->arg;
    struct held_buf words = p->words;

    p->words = (struct held_buf){0};
    pending_unlink(p);
    pending_free(p);
    host_ref(h);
    done(reply, arg);
    host_unref(h);
    held_buf_deinit(&words);
}

static void pending_finish(struct pending *p, enum rpc_outcome outcome, const char *fmt,
                           va_list args)
{
    char text[PENDING_WORDS_MAX];

    if (!list_is_empty(&p->due))
        return;
    vsnprintf(text, sizeof(text), fmt, args);
    buf_add_slice(&p->words.b, slice_utf8_prefix(slice_of(text), sizeof(text) - 2));
    pending_unlink(p);
    p->outcome = outcome;
    list_link(&p->host->finished, &p->due);
    loop_defer(host_loop(p->host), &p->host->finish);
}

void pending_fail(struct pending *p, enum rpc_outcome outcome, const char *fmt, ...)
{
    va_list args;

    ASSERT(outcome != RPC_OVERLOADED);
    va_start(args, fmt);
    pending_finish(p, outcome, fmt, args);
    va_end(args);
}

void pending_refuse(struct pending *p, const char *rule, const char *fmt, ...)
{
    va_list args;

    p->rule = rule;
    va_start(args, fmt);
    pending_finish(p, RPC_OVERLOADED, fmt, args);
    va_end(args);
}

static void pending_refuse_for_room(struct pending *p, const struct account *payer,
                                    const char *what)
{
    struct account_refusal why = account_refusal(payer);
    char room[ACCOUNT_REFUSAL_MAX];

    pending_refuse(p, account_refusal_rule(&why), "%s", account_refusal_text(&why, what, room));
}

void pendings_run_finished(struct deferred *d)
{
    struct rpc_host *h = CONTAINER_OF(d, struct rpc_host, finish);

    host_ref(h);
    while (!list_is_empty(&h->finished)) {
        struct pending *p = LIST_ENTRY(h->finished.next, struct pending, due);
        struct rpc_reply reply = {
            .outcome = p->outcome, .text = buf_slice(&p->words.b), .rule = p->rule};
        pending_end(p, &reply);
    }
    host_unref(h);
}

/* The router's own words for a target that left while the call was on its way to it. */
static bool is_bounce(const struct pending *p, struct slice error, struct slice *ret_words)
{
    static const char head[] = "Target peer ", tail[] = " is not connected";
    struct slice words, trace;
    size_t n = sizeof(head) - 1 + p->target.len + sizeof(tail) - 1;

    if (!mp_find_str(error, "_rvalue", &words) || !mp_find_str(error, "_rtrace", &trace) ||
        trace.len || words.len != n)
        return false;
    *ret_words = words;
    return slice_starts(words, head) && slice_ends(words, tail) &&
           memcmp(words.ptr + sizeof(head) - 1, p->target.ptr, p->target.len) == 0;
}

/* Whether nobody here may look at the answer. */
static bool is_too_long(const struct pending *p, bool is_result, const struct incoming *in)
{
    if (!is_result)
        return in->first.len > ERROR_MAX;
    return !p->takes_long && (in->n_values > PAYLOAD_VALUES_MAX ||
                              in->first.len > p->host->rl->settings->max_message_bytes);
}

void pending_settle(struct pending *p, bool is_result, const struct incoming *in)
{
    struct slice value = in->first;
    struct rpc_reply reply = {.outcome = is_result ? RPC_RESOLVED : RPC_REJECTED,
                              .value = value,
                              .msg = in->msg,
                              .n_values = in->n_values};

    if (is_too_long(p, is_result, in)) {
        rpc_value_add_error(&p->words.b, "RuntimeError", SLICE_LIT("The answer is too large"));
        value = buf_slice(&p->words.b);
        reply = (struct rpc_reply){.outcome = RPC_REJECTED, .value = value};
        is_result = false;
    }
    if (!is_result && is_bounce(p, value, &reply.text))
        reply = (struct rpc_reply){.outcome = RPC_GONE, .text = reply.text};
    else if (!is_result && !mp_find_str(value, "_rvalue", &reply.text))
        reply.text = SLICE_LIT("The call failed");
    pending_end(p, &reply);
}

static void time_out(struct pending *p, const char *why)
{
    struct slice rest = slice_of(why);

    loop_count(host_loop(p->host), METRIC_RPC_TIMEOUTS, 1);
    buf_add_fmt(&p->words.b, "Method call timed out: " SLICE_FMT ":" SLICE_FMT,
                SLICE_ARG(p->target), SLICE_ARG(p->method));
    buf_add_slice(&p->words.b, rest);
    pending_end(p, &(struct rpc_reply){.outcome = RPC_TIMED_OUT, .text = buf_slice(&p->words.b)});
}

static void on_silence(struct timer *t)
{
    time_out(CONTAINER_OF(t, struct pending, silence), "");
}

static void on_deadline(struct timer *t)
{
    time_out(CONTAINER_OF(t, struct pending, deadline), ", its deadline has passed");
}

/* ---- finding ---- */

struct pending *pending_find(struct rpc_host *h, struct slice session)
{
    return map_find(&h->sessions, session);
}

void pending_touch(struct pending *p)
{
    if (p->remote)
        timer_start(host_loop(p->host), &p->silence, p->host->rl->settings->call_timeout_ms);
}

void rpc_cancel(struct rpc_host *h, uint64_t id)
{
    LOOP_ASSERT(host_loop(h));
    LIST_FOREACH (it, &h->pendings) {
        struct pending *p = LIST_ENTRY(it, struct pending, link);
        if (p->id == id) {
            pending_unlink(p);
            pending_free(p);
            return;
        }
    }
}

void pendings_gone(struct remote *r)
{
    while (!list_is_empty(&r->waits)) {
        struct pending *p = LIST_ENTRY(r->waits.next, struct pending, wait);
        list_unlink(&p->wait);
        p->remote = NULL; /* the caller of this walk drops it */
        pending_fail(p, RPC_GONE, "Client disconnected: " SLICE_FMT, SLICE_ARG(p->target));
    }
}

void pendings_close(struct rpc_host *h)
{
    while (!list_is_empty(&h->pendings)) {
        struct pending *p = LIST_ENTRY(h->pendings.next, struct pending, link);
        const struct rpc_reply reply = {.outcome = RPC_CLOSED,
                                        .text = SLICE_LIT("The caller was closed")};
        pending_end(p, &reply);
    }
}

/* ---- beginning ---- */

static double interval_s(const struct rpc_host *h)
{
    return (double)h->rl->settings->call_timeout_ms / 2000.0;
}

static void pending_add_part(struct buf *b, const struct pending *p, const char *name)
{
    char method[RANDOM_ID_LEN + 16];

    snprintf(method, sizeof(method), "%s.%s", p->session, name);
    mp_add_text(b, name);
    mp_add_map(b, 4);
    mp_add_text(b, "_rtype");
    mp_add_text(b, "method");
    mp_add_text(b, "_rtarget");
    mp_add_str(b, p->host->parts.client);
    mp_add_text(b, "_rmethod");
    mp_add_text(b, method);
    mp_add_text(b, "_rpromise");
    mp_add_bool(b, false);
}

static void add_promise(struct buf *b, const struct pending *p, enum rpc_promise_form form)
{
    mp_add_text(b, "promise");
    if (form == RPC_PROMISE_COMPACT) {
        mp_add_text(b, "*");
        mp_add_text(b, "t");
        mp_add_float(b, interval_s(p->host));
        return;
    }
    mp_add_map(b, 4);
    pending_add_part(b, p, "heartbeat");
    mp_add_text(b, "interval");
    mp_add_float(b, interval_s(p->host));
    pending_add_part(b, p, "resolve");
    pending_add_part(b, p, "reject");
}

/* Segment 2: {..., "args": | args }, with the arguments last, so that long ones may stay where they
 * are. */
static void add_payload(struct buf *head, const struct rpc_request *rq, const struct pending *p)
{
    mp_add_map(head,
               1 + (rq->with_kwargs ? 1 : 0) +
                   (rq->promise == RPC_PROMISE_COMPACT ? 2 : rq->promise == RPC_PROMISE_FULL));
    if (rq->with_kwargs) {
        mp_add_text(head, "with_kwargs");
        mp_add_bool(head, true);
    }
    if (p)
        add_promise(head, p, rq->promise);
    mp_add_text(head, "args");
    if (!rq->args.len)
        mp_add_array(head, 0);
}

static struct account *payer_of(struct rpc_host *h, const struct rpc_request *rq)
{
    return rq->payer ? rq->payer : h->account;
}

static struct msg *pending_build(struct rpc_host *h, const struct rpc_request *rq,
                                 const struct pending *p)
{
    struct frame f = {
        .to = rq->target, .method = rq->method, .parent = rq->parent, .payer = payer_of(h, rq)};
    SCRATCH_BUF(head, 0);

    add_payload(&head, rq, p);
    if (p)
        f.session = slice_of(p->session);
    f.body[0] = buf_slice(&head);
    if (rq->args_blob && rq->args.len > FRAME_COPIED_MOST) {
        f.tail = rq->args;
        f.blob = rq->args_blob;
    } else {
        f.body[1] = rq->args;
    }
    return head.is_failed ? NULL : frame_new(h, &f);
}

static void on_upload_progressed(void *arg)
{
    pending_touch(arg);
}

static void pending_on_upload_ended(void *arg, const struct rpc_reply *why)
{
    struct pending *p = arg;

    p->upload = NULL;
    if (!why)
        return;
    struct rpc_reply reply = *why;
    if (why->outcome == RPC_TIMED_OUT) {
        pending_fail(p, RPC_TIMED_OUT, "Method call timed out: " SLICE_FMT ":" SLICE_FMT,
                     SLICE_ARG(p->target), SLICE_ARG(p->method));
        return;
    }
    pending_end(p, &reply);
}

/* may_upload: a message too long for one frame goes in parts, each of which is a call of its own,
 * and that one goes as it is. */
static void pending_send(struct pending *p, struct msg *m, struct account *payer, bool may_upload)
{
    struct rpc_host *h = p->host;

    if (frame_is_large(m) && !may_upload) {
        msg_unref(m);
        pending_refuse(p, "message-in-parts",
                       "The session or an address is too long for a message that goes in parts");
    } else if (frame_is_large(m)) {
        p->upload = upload_out_new(h, &(struct upload_options){.target = p->target,
                                                               .frame = m,
                                                               .payer = payer,
                                                               .ended = pending_on_upload_ended,
                                                               .progressed = on_upload_progressed,
                                                               .arg = p});
    } else if (router_send(h->rl->router, host_loop(h), p->target, m) != ROUTER_OK) {
        msg_unref(m);
        pending_fail(p, RPC_GONE, "Target peer " SLICE_FMT " is not connected",
                     SLICE_ARG(p->target));
    }
}

void rpc_session_id(char out[RPC_SESSION_ROOM])
{
    _Static_assert(RPC_SESSION_ROOM == RANDOM_ID_LEN + 1, "a session is a random id");
    random_id(out);
}

static struct pending *pending_new(struct rpc_host *h, const struct rpc_request *rq, rpc_done *done,
                                   void *arg)
{
    struct slice method = slice_utf8_prefix(rq->method, PENDING_METHOD_MAX);
    size_t size = sizeof(struct pending) + rq->target.len + method.len;
    struct pending *p = mem_new(size);

    p->payer = account_ref(payer_of(h, rq));
    p->n_charged = account_charge(p->payer, size) ? 0 : size;
    memcpy(p->text, rq->target.ptr, rq->target.len);
    if (method.len)
        memcpy(p->text + rq->target.len, method.ptr, method.len);
    p->target = slice_make(p->text, rq->target.len);
    p->method = slice_make(p->text + rq->target.len, method.len);
    p->host = h;
    p->id = ++h->last_id;
    p->done = done;
    p->arg = arg;
    if (rq->session)
        memcpy(p->session, rq->session, sizeof(p->session));
    else
        random_id(p->session);
    p->callbacks = rq->callbacks;
    p->takes_long = rq->takes_long;
    timer_init(&p->silence, on_silence);
    timer_init(&p->deadline, on_deadline);
    /* until the end of the turn, and of one that has no room too */
    held_buf_init(&p->words, 0, host_loop(h)->own);
    list_init(&p->due);
    list_init(&p->link);
    list_init(&p->wait);
    list_link(&h->pendings, &p->link);
    h->n_pendings++;
    p->remote = remote_get(h->rl, rq->target);
    list_link(&p->remote->waits, &p->wait);
    map_put(&h->sessions, slice_of(p->session), p);
    return p;
}

/* Without a promise nothing is awaited: a frame, and that is all. */
static void send_only(struct rpc_host *h, const struct rpc_request *rq)
{
    struct msg *m = rq->target.len > ADDRESS_MAX ? NULL : pending_build(h, rq, NULL);

    if (!m)
        return;
    if (frame_is_large(m))
        (void)upload_out_new(h, &(struct upload_options){
                                    .target = rq->target, .frame = m, .payer = payer_of(h, rq)});
    else if (router_send(h->rl->router, host_loop(h), rq->target, m) != ROUTER_OK)
        msg_unref(m);
}

static uint64_t pending_start(struct rpc_host *h, const struct rpc_request *rq, rpc_done *done,
                              void *arg, bool may_upload)
{
    struct pending *p = pending_new(h, rq, done, arg);
    uint64_t id = p->id;

    if (!h->is_open) {
        pending_fail(p, RPC_CLOSED, "The caller was closed");
        return id;
    }
    if (!p->n_charged) {
        loop_count(host_loop(h), METRIC_CHARGES_REFUSED, 1);
        pending_refuse_for_room(p, p->payer, "Too many bytes under way");
        return id;
    }
    if (rq->target.len > ADDRESS_MAX) {
        pending_fail(p, RPC_GONE,
                     "Target peer " SLICE_FMT
                     "... is not connected: no address is longer than %d bytes",
                     SLICE_ARG(slice_utf8_prefix(rq->target, 64)), ADDRESS_MAX);
        return id;
    }
    timer_start(host_loop(h), &p->silence, h->rl->settings->call_timeout_ms);
    if (rq->deadline_ms)
        timer_start(host_loop(h), &p->deadline, rq->deadline_ms);
    struct msg *m = pending_build(h, rq, p);
    if (m)
        pending_send(p, m, payer_of(h, rq), may_upload);
    else
        pending_refuse_for_room(p, payer_of(h, rq), "No room for the call");
    return id;
}

uint64_t pending_request_step(struct rpc_host *h, const struct rpc_request *rq, rpc_done *done,
                              void *arg)
{
    LOOP_ASSERT(host_loop(h));
    return pending_start(h, rq, done, arg, false);
}

uint64_t rpc_request(struct rpc_host *h, const struct rpc_request *rq, rpc_done *done, void *arg)
{
    LOOP_ASSERT(host_loop(h));
    if (rq->promise == RPC_PROMISE_NONE) {
        if (h->is_open)
            send_only(h, rq);
        return 0;
    }
    if (h->n_pendings < h->rl->settings->max_pending)
        return pending_start(h, rq, done, arg, true);
    struct pending *p = pending_new(h, rq, done, arg);
    loop_count(host_loop(h), METRIC_HUB_CALLS_SHED, 1);
    pending_refuse(p, config_names.max_pending_calls, "Too many calls are pending");
    return p->id;
}

bool rpc_request_from_ref(struct slice ref, struct slice workspace, struct buf *scratch,
                          struct rpc_request *ret)
{
    struct slice type, target, method, promise_value, promise = {NULL, 0};
    bool wants_full = false;

    if (!mp_find_str(ref, "_rtype", &type) ||
        !(slice_is(type, "method") || slice_is(type, "generator")) ||
        !mp_find_str(ref, "_rtarget", &target) || !mp_find_str(ref, "_rmethod", &method) ||
        !target.len || !method.len)
        return false;
    if (mp_find(ref, "_rpromise", &promise_value) && !mp_get_str(promise_value, &promise))
        (void)mp_get_bool(promise_value, &wants_full);
    *ret = (struct rpc_request){.target = target, .method = method, .promise = RPC_PROMISE_NONE};
    if (slice_is(promise, "*"))
        ret->promise = RPC_PROMISE_COMPACT;
    else if (wants_full)
        ret->promise = RPC_PROMISE_FULL;
    if (slice_has_byte(target, '/'))
        return true;
    buf_clear(scratch);
    buf_add_slice(scratch, workspace);
    buf_add_byte(scratch, '/');
    buf_add_slice(scratch, target);
    ret->target = buf_slice(scratch);
    return !scratch->is_failed;
}
