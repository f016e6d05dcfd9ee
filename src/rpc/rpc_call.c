/* rpc_call: a call lives from its frame to its answer, for as many turns as the handler needs. It
 * keeps the frame, so arguments are never copied. The handler owns it; the host only counts it,
 * beats for it, and tells the handler when nobody waits any more. Settling is sending and then
 * ending; before anything is sent the call is out of every list, so that whatever the sending sets
 * off (a peer that closes, say) cannot find it again.
 *
 * A call that is settled in the turn it came in sends no heartbeat: the first one waits for the end
 * of the turn. */
#include "rpc/rpc_call.h"

#include <stdarg.h>
#include <stdio.h>

#include "auth/user_mp.h"
#include "base/memory.h"
#include "rpc/rpc_answer.h"
#include "rpc/bind.h"
#include "rpc/rpc_frame.h"
#include "rpc/payload.h"
#include "wire/mp.h"

static const double INTERVAL_MOST_S = 3600;
/* what a handler that takes several turns keeps of a fixed size, and the caller's user */
enum { HANDLER_BYTES = 512 };

static void rpc_call_refuse_text(struct rpc_host *h, const struct incoming *in,
                                 const char *class_name, struct slice text)
{
    struct answer_route r = {in->from, &in->promise, in->session, account_shared(in->msg->account)};

    if (in->promise.is_present)
        answer_error(h, &r, class_name, text);
}

void call_refuse(struct rpc_host *h, const struct incoming *in, const char *fmt, ...)
{
    char text[BIND_ERROR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    rpc_call_refuse_text(h, in, "", slice_utf8_prefix(slice_of(text), sizeof(text) - 2));
}

struct account *rpc_call_payer(const struct rpc_call *call)
{
    return account_shared(CONTAINER_OF(call, struct call, pub)->msg->account);
}

/* ---- heartbeats ---- */

static void rpc_call_beat(struct call *c)
{
    struct rpc_host *h = c->pub.host;
    struct answer_route r = {c->pub.from_text, &c->promise, c->parent,
                             account_shared(c->msg->account)};
    double s = c->promise.interval_s < INTERVAL_MOST_S ? c->promise.interval_s : INTERVAL_MOST_S;

    timer_start(host_loop(h), &c->beat, (uint64_t)(s * 1000));
    answer_beat(h, &r);
}

static void on_first_beat(struct deferred *d)
{
    rpc_call_beat(CONTAINER_OF(d, struct call, first_beat));
}

static void on_beat(struct timer *t)
{
    rpc_call_beat(CONTAINER_OF(t, struct call, beat));
}

/* ---- settling ---- */

static bool wants_answer(const struct call *c)
{
    return c->promise.is_present && !c->is_unwanted;
}

/* Out of every list and timer; safe to repeat. */
static void call_unlink(struct call *c)
{
    list_unlink(&c->link);
    list_unlink(&c->host_link);
    list_unlink(&c->first_beat.link);
    if (timer_is_running(&c->beat))
        timer_stop(host_loop(c->pub.host), &c->beat);
    if (!c->remote)
        return;
    c->remote->n_calls--;
    c->remote->n_bytes -= c->n_held;
    remote_drop(c->remote);
    c->remote = NULL;
}

/* Where a long value lies that came with the call; NULL: elsewhere, or it is short. */
static struct blob *blob_of(const struct call *c, struct slice value)
{
    struct blob *blob = c->msg->blob;
    bool is_in = blob && value.len > FRAME_COPIED_MOST && value.ptr >= blob->data &&
                 value.ptr + value.len <= blob->data + blob->len;

    return is_in ? blob : NULL;
}

void call_send_answer(struct call *c, bool is_result, struct slice value)
{
    call_send_answer_in(c, is_result, value, blob_of(c, value));
}

void call_send_answer_in(struct call *c, bool is_result, struct slice value, struct blob *blob)
{
    struct rpc_host *h = c->pub.host;
    struct answer_route r = {c->pub.from_text, &c->promise, c->parent,
                             account_shared(c->msg->account)};

    ASSERT(!list_is_empty(&c->host_link) || c->is_unwanted);
    call_unlink(c);
    if (!is_result)
        loop_count(host_loop(h), METRIC_HUB_CALL_ERRORS, 1);
    if (wants_answer(c))
        answer_send(h, &r, is_result, value, blob);
    c->is_unwanted = true;
}

void call_end(struct call *c)
{
    struct rpc_host *h = c->pub.host;

    call_unlink(c);
    account_release(rpc_call_payer(&c->pub), c->n_charged);
    msg_unref(c->msg);
    user_unref(c->pub.user);
    mem_free(c);
    host_unref(h);
}

void rpc_resolve(struct rpc_call *call, struct slice value)
{
    struct call *c = CONTAINER_OF(call, struct call, pub);

    call_send_answer(c, true, value);
    call_end(c);
}

void rpc_resolve_owned(struct rpc_call *call, struct buf *value)
{
    struct call *c = CONTAINER_OF(call, struct call, pub);
    struct blob *blob =
        value->len > FRAME_COPIED_MOST ? blob_try_adopt(value, rpc_call_payer(call)) : NULL;

    if (blob)
        call_send_answer_in(c, true, slice_make(blob->data, blob->len), blob);
    else
        /* where there was no room for it there is none for the copy, and that is told */
        call_send_answer(c, true, buf_slice(value));
    blob_unref(blob);
    buf_deinit(value);
    call_end(c);
}

void rpc_reject_value(struct rpc_call *call, struct slice error)
{
    struct call *c = CONTAINER_OF(call, struct call, pub);

    call_send_answer(c, false, error);
    call_end(c);
}

void rpc_reject_text(struct rpc_call *call, const char *class_name, struct slice text)
{
    SCRATCH_BUF(b, 0);

    rpc_value_add_error(&b, class_name, slice_utf8_prefix(text, RPC_ERROR_MAX));
    rpc_reject_value(call, buf_slice(&b));
}

void rpc_reject(struct rpc_call *call, const char *class_name, const char *fmt, ...)
{
    /* a character more than is kept, so that none is cut */
    char text[RPC_ERROR_MAX + 5];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    rpc_reject_text(call, class_name, slice_of(text));
}

void rpc_reject_no_room(struct rpc_call *call, const struct account_refusal *why, const char *fmt,
                        ...)
{
    char what[ACCOUNT_REFUSAL_WHAT_MAX + 5], room[ACCOUNT_REFUSAL_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    rpc_reject_text(call, "RuntimeError", slice_of(account_refusal_text(why, what, room)));
}

/* ---- the caller leaves, the host closes ---- */

void calls_gone(struct remote *r)
{
    struct rpc_loop *rl = r->rl;

    while (!list_is_empty(&r->calls)) {
        struct call *c = LIST_ENTRY(r->calls.next, struct call, link);
        c->is_unwanted = true;
        list_unlink(&c->link);
        list_unlink(&c->first_beat.link);
        timer_stop(host_loop(c->pub.host), &c->beat);
        r->n_calls--;
        r->n_bytes -= c->n_held;
        c->remote = NULL;
        if (!c->pub.on_gone)
            continue;
        list_link(&rl->gone_calls, &c->link);
        loop_defer(rl->loop, &rl->tell_gone);
    }
}

void calls_tell_gone(struct deferred *d)
{
    struct rpc_loop *rl = CONTAINER_OF(d, struct rpc_loop, tell_gone);

    while (!list_is_empty(&rl->gone_calls)) {
        struct call *c = LIST_ENTRY(rl->gone_calls.next, struct call, link);
        list_unlink(&c->link);
        c->pub.on_gone(&c->pub);
    }
}

void calls_give_up(struct rpc_host *h)
{
    while (!list_is_empty(&h->calls)) {
        struct call *c = LIST_ENTRY(h->calls.next, struct call, host_link);
        bool was_told = !c->remote && list_is_empty(&c->link);
        c->is_unwanted = true;
        call_unlink(c);
        if (c->pub.on_gone && !was_told)
            c->pub.on_gone(&c->pub);
    }
}

/* ---- starting ---- */

bool call_may_reach(const struct rpc_host *h, const struct rpc_service *service,
                    struct slice workspace)
{
    struct slice visibility, authorized, item, text;
    struct mp_iter it;

    if (slice_eq(workspace, h->parts.workspace))
        return true;
    if (mp_find_str(service->config, "visibility", &visibility) &&
        (slice_is(visibility, "public") || slice_is(visibility, "unlisted")))
        return true;
    if (!mp_find(service->config, "authorized_workspaces", &authorized))
        return false;
    mp_iter_init(&it, authorized);
    while (mp_iter_next(&it, &item)) {
        if (mp_get_str(item, &text) && slice_eq(text, workspace))
            return true;
    }
    return false;
}

static const struct rpc_method *find_method(const struct rpc_service *service, struct slice name)
{
    for (size_t i = 0; i < service->n_methods; i++) {
        if (slice_is(name, service->methods[i].name))
            return &service->methods[i];
    }
    return NULL;
}

/* The service whose id the path begins with; ids may hold dots themselves. */
static struct hosted *rpc_call_find_service(const struct rpc_host *h, struct slice path,
                                            struct slice *ret_name)
{
    LIST_FOREACH (it, &h->services) {
        struct hosted *s = LIST_ENTRY(it, struct hosted, link);
        size_t n = strlen(s->service->id);
        if (path.len > n + 1 && path.ptr[n] == '.' && memcmp(path.ptr, s->service->id, n) == 0) {
            *ret_name = slice_from(path, n + 1);
            return s;
        }
    }
    return NULL;
}

/* NULL: the caller has no room for it. */
static struct call *call_new(struct rpc_host *h, const struct incoming *in, struct user *user)
{
    size_t size = sizeof(struct call) + in->from.len + in->ws.len;

    if (account_charge(account_shared(in->msg->account), size + HANDLER_BYTES))
        return NULL;
    struct call *c = mem_new(size);
    c->n_charged = size + HANDLER_BYTES;
    memcpy(c->text, in->from.ptr, in->from.len);
    if (in->ws.len)
        memcpy(c->text + in->from.len, in->ws.ptr, in->ws.len);
    c->pub.host = h;
    c->pub.from_text = slice_make(c->text, in->from.len);
    c->pub.workspace = slice_make(c->text + in->from.len, in->ws.len);
    c->pub.user = user;
    c->msg = msg_ref(in->msg);
    c->promise = in->promise;
    c->parent = in->session;
    c->pub.session = in->promise.is_present ? in->session : (struct slice){NULL, 0};
    list_init(&c->first_beat.link);
    c->first_beat.run = on_first_beat;
    timer_init(&c->beat, on_beat);
    list_init(&c->link);
    list_init(&c->host_link);
    list_link(&h->calls, &c->host_link);
    c->remote = remote_get(h->rl, in->from);
    list_link(&c->remote->calls, &c->link);
    c->remote->n_calls++;
    c->n_held = in->n_held;
    c->remote->n_bytes += in->n_held;
    host_ref(h);
    return c;
}

static void rpc_call_run(struct call *c, const struct incoming *in,
                         const struct rpc_service *service)
{
    struct loop *loop = host_loop(c->pub.host);
    char error[BIND_ERROR_MAX] = "Permission denied";

    c->pub.arg = service->arg;
    if (service->admit && !service->admit(&c->pub, service->arg, error, sizeof(error))) {
        rpc_reject_text(&c->pub, "PermissionError", slice_of(error));
        return;
    }
    if (bind_args(c->pub.method, in, c->pub.args, error) != BIND_OK) {
        rpc_reject_text(&c->pub, "TypeError", slice_of(error));
        return;
    }
    if (c->promise.is_present && c->promise.interval_s > 0)
        loop_defer(loop, &c->first_beat);
    c->pub.method->handle(&c->pub, service->arg);
}

/* Whether the caller has as many calls open here as it may. */
static bool is_greedy(const struct rpc_host *h, struct slice from)
{
    const struct remote *r = remote_find(h->rl, from);

    return r && r->n_calls >= h->rl->settings->max_pending;
}

static void refuse_unknown(struct rpc_host *h, const struct incoming *in)
{
    loop_count(host_loop(h), METRIC_HUB_CALL_ERRORS, 1);
    call_refuse(h, in, "Method expired or not found: " SLICE_FMT ":" SLICE_FMT, SLICE_ARG(in->from),
                SLICE_ARG(in->method));
}

/* The caller may call this: what is left is its share of open calls, and who it is. */
static void rpc_call_start(struct rpc_host *h, const struct incoming *in,
                           const struct rpc_service *service, const struct rpc_method *method)
{
    if (in->n_values > PAYLOAD_VALUES_MAX) {
        char text[96];
        snprintf(text, sizeof(text), "The arguments hold more than %d values", PAYLOAD_VALUES_MAX);
        rpc_call_refuse_text(h, in, "ValueError", slice_of(text));
        return;
    }
    if (is_greedy(h, in->from)) {
        loop_count(host_loop(h), METRIC_HUB_CALLS_SHED, 1);
        rpc_call_refuse_text(h, in, "RuntimeError", SLICE_LIT("Too many pending calls"));
        return;
    }
    struct user *user = in->user ? user_ref(in->user) : user_from_mp(in->user_map);
    if (!user) {
        loop_count(host_loop(h), METRIC_FRAMES_MALFORMED, 1);
        return;
    }
    struct call *c = call_new(h, in, user);
    if (!c) {
        user_unref(user);
        loop_count(host_loop(h), METRIC_CHARGES_REFUSED, 1);
        struct account_refusal why = account_refusal(account_shared(in->msg->account));
        char room[ACCOUNT_REFUSAL_MAX];
        rpc_call_refuse_text(
            h, in, "RuntimeError",
            slice_of(account_refusal_text(&why, "Too many bytes under way", room)));
        return;
    }
    c->pub.method = method;
    (void)address_split(c->pub.from_text, &c->pub.from);
    rpc_call_run(c, in, service);
}

void call_start(struct rpc_host *h, const struct incoming *in, struct slice path)
{
    struct slice name;
    struct hosted *s = rpc_call_find_service(h, path, &name);
    const struct rpc_method *method = s ? find_method(s->service, name) : NULL;
    struct address from;

    loop_count(host_loop(h), METRIC_HUB_CALLS, 1);
    if (!address_split(in->from, &from))
        return;
    if (!method) {
        refuse_unknown(h, in);
    } else if (!call_may_reach(h, s->service, in->ws)) {
        loop_count(host_loop(h), METRIC_HUB_CALL_ERRORS, 1);
        call_refuse(h, in,
                    "Permission denied for invoking protected method " SLICE_FMT ":" SLICE_FMT
                    ", workspace mismatch: " SLICE_FMT " != " SLICE_FMT,
                    SLICE_ARG(in->from), SLICE_ARG(in->method), SLICE_ARG(h->parts.workspace),
                    SLICE_ARG(in->ws));
    } else {
        rpc_call_start(h, in, s->service, method);
    }
}

void call_start_callback(struct rpc_host *h, const struct incoming *in,
                         const struct rpc_service *callbacks, struct slice name)
{
    const struct rpc_method *method = callbacks ? find_method(callbacks, name) : NULL;
    struct address from;

    loop_count(host_loop(h), METRIC_HUB_CALLS, 1);
    if (!address_split(in->from, &from))
        return;
    if (method)
        rpc_call_start(h, in, callbacks, method);
    else
        refuse_unknown(h, in);
}
