/* call: a call lives from its frame to its answer, for as many turns as the handler needs. It keeps the frame, so arguments
 * are never copied. The handler owns it; the host only counts it, beats for it, and tells the handler when nobody waits any
 * more. Settling is sending and then ending; before anything is sent the call is out of every list, so that whatever the
 * sending sets off (a peer that closes, say) cannot find it again.
 *
 * A call that is settled in the turn it came in sends no heartbeat: the first one waits for the end of the turn. */
#include "rpc/call.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "rpc/chunks_out.h"
#include "rpc/frame.h"
#include "wire/mp.h"

static const char answer_open[] = "\x81\xa4" "args" "\x91";     /* {"args": [ one value follows */
static const char nil_value[] = "\xc0";
static const double INTERVAL_MOST_S = 3600;

/* ---- what goes back -------------------------------------------------------------------------------------------- */

struct route {
    struct slice to;
    const struct rpc_promise *promise;
    struct slice parent;
};

static struct frame route_frame(const struct route *r, struct slice full, struct slice compact_suffix)
{
    struct frame f = {.to = r->to, .parent = r->parent, .method = full};

    if (r->promise->is_compact) {
        f.method = r->parent;
        f.suffix = compact_suffix;
    }
    return f;
}

/* Where to say that a large answer could not be brought: the caller may be there and refuse chunks. */
struct undelivered {
    struct rpc_host *host;      /* alive: an upload ends before its host does */
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

static struct undelivered *undelivered_new(struct rpc_host *h, const struct route *r)
{
    struct frame f = route_frame(r, r->promise->reject, SLICE_LIT(".reject"));
    struct undelivered *u = mem_try(sizeof(*u) + f.to.len + f.method.len + f.suffix.len + f.parent.len);
    char *at = u ? u->text : NULL;

    if (!u)
        return NULL;
    u->host = h;
    u->to = copy_to(&at, f.to);
    u->method = copy_to(&at, f.method);
    u->method.len += copy_to(&at, f.suffix).len;
    u->parent = copy_to(&at, f.parent);
    return u;
}

static void on_upload_ended(void *arg, const struct rpc_reply *why)
{
    struct undelivered *u = arg;

    if (why && why->outcome != RPC_GONE && why->outcome != RPC_CLOSED) {
        struct buf words, b;
        buf_init(&words, 0);
        buf_init(&b, 0);
        buf_add_text(&words, "The result could not be delivered: ");
        buf_add_slice(&words, slice_utf8_prefix(why->text, CALL_ERROR_MAX));
        buf_add(&b, answer_open, sizeof(answer_open) - 1);
        rpc_value_add_error(&b, "RuntimeError", buf_slice(&words));
        if (!b.is_failed)
            frame_send_or_drop(u->host, &(struct frame){.to = u->to, .method = u->method, .parent = u->parent,
                                                        .body = {buf_slice(&b)}});
        buf_deinit(&words);
        buf_deinit(&b);
    }
    mem_free(u);
}

static void upload_answer(struct rpc_host *h, const struct route *r, struct msg *m)
{
    struct undelivered *u = undelivered_new(h, r);

    if (!u) {
        msg_unref(m);
        return;
    }
    (void)upload_out_new(h, &(struct upload_options){.target = r->to, .session = r->parent, .frame = m,
                                                     .ended = on_upload_ended, .arg = u});
}

static void route_answer(struct rpc_host *h, const struct route *r, bool is_result, struct slice value)
{
    struct frame f = is_result ? route_frame(r, r->promise->resolve, SLICE_LIT(".resolve"))
                               : route_frame(r, r->promise->reject, SLICE_LIT(".reject"));

    f.body[0] = slice_make(answer_open, sizeof(answer_open) - 1);
    f.body[1] = value.len ? value : slice_make(nil_value, 1);
    struct msg *m = frame_new(h, &f);
    if (!m)
        return;
    if (frame_is_large(m))
        upload_answer(h, r, m);
    else if (router_send(h->rl->router, host_loop(h), r->to, m) != ROUTER_OK)
        msg_unref(m);
}

static void route_error(struct rpc_host *h, const struct route *r, const char *class_name, struct slice text)
{
    struct buf b;

    buf_init(&b, 0);
    rpc_value_add_error(&b, class_name, text);
    if (!b.is_failed)
        route_answer(h, r, false, buf_slice(&b));
    buf_deinit(&b);
}

static void refuse_text(struct rpc_host *h, const struct incoming *in, const char *class_name, struct slice text)
{
    struct route r = {in->from, &in->promise, in->session};

    if (in->promise.is_present)
        route_error(h, &r, class_name, text);
}

void call_refuse(struct rpc_host *h, const struct incoming *in, const char *fmt, ...)
{
    char text[CALL_ERROR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    refuse_text(h, in, "", slice_utf8_prefix(slice_of(text), sizeof(text) - 2));
}

/* ---- heartbeats ------------------------------------------------------------------------------------------------ */

static void beat(struct call *c)
{
    struct rpc_host *h = c->pub.host;
    struct route r = {c->pub.from_text, &c->promise, c->parent};
    struct frame f = route_frame(&r, c->promise.heartbeat, SLICE_LIT(".heartbeat"));
    double s = c->promise.interval_s < INTERVAL_MOST_S ? c->promise.interval_s : INTERVAL_MOST_S;

    timer_start(host_loop(h), &c->beat, (uint64_t)(s * 1000));
    frame_send_or_drop(h, &f);
}

static void on_first_beat(struct deferred *d)
{
    beat(CONTAINER_OF(d, struct call, first_beat));
}

static void on_beat(struct timer *t)
{
    beat(CONTAINER_OF(t, struct call, beat));
}

/* ---- settling -------------------------------------------------------------------------------------------------- */

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

void call_send_answer(struct call *c, bool is_result, struct slice value)
{
    struct rpc_host *h = c->pub.host;
    struct route r = {c->pub.from_text, &c->promise, c->parent};

    ASSERT(!list_is_empty(&c->host_link) || c->is_unwanted);
    call_unlink(c);
    if (!is_result)
        loop_count(host_loop(h), METRIC_HUB_CALL_ERRORS, 1);
    if (wants_answer(c))
        route_answer(h, &r, is_result, value);
    c->is_unwanted = true;
}

void call_end(struct call *c)
{
    struct rpc_host *h = c->pub.host;

    call_unlink(c);
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

void rpc_reject_value(struct rpc_call *call, struct slice error)
{
    struct call *c = CONTAINER_OF(call, struct call, pub);

    call_send_answer(c, false, error);
    call_end(c);
}

void rpc_reject_text(struct rpc_call *call, const char *class_name, struct slice text)
{
    struct buf b;

    buf_init(&b, 0);
    rpc_value_add_error(&b, class_name, slice_utf8_prefix(text, RPC_ERROR_MAX));
    rpc_reject_value(call, buf_slice(&b));
    buf_deinit(&b);
}

void rpc_reject(struct rpc_call *call, const char *class_name, const char *fmt, ...)
{
    char text[RPC_ERROR_MAX + 5];       /* a character more than is kept, so that none is cut */
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    rpc_reject_text(call, class_name, slice_of(text));
}

/* ---- the caller leaves, the host closes ------------------------------------------------------------------------- */

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

/* ---- starting -------------------------------------------------------------------------------------------------- */

bool call_may_reach(const struct rpc_host *h, const struct rpc_service *service, struct slice workspace)
{
    struct slice visibility, authorized, item, text;
    struct mp_iter it;

    if (slice_eq(workspace, h->parts.workspace))
        return true;
    if (mp_find_str(service->config, "visibility", &visibility)
        && (slice_is(visibility, "public") || slice_is(visibility, "unlisted")))
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
static struct hosted *find_service(const struct rpc_host *h, struct slice path, struct slice *ret_name)
{
    LIST_FOREACH(it, &h->services) {
        struct hosted *s = LIST_ENTRY(it, struct hosted, link);
        size_t n = strlen(s->service->id);
        if (path.len > n + 1 && path.ptr[n] == '.' && memcmp(path.ptr, s->service->id, n) == 0) {
            *ret_name = slice_from(path, n + 1);
            return s;
        }
    }
    return NULL;
}

static struct call *call_new(struct rpc_host *h, const struct incoming *in, struct user *user)
{
    struct call *c = mem_new(sizeof(*c) + in->from.len + in->ws.len);

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

static void run(struct call *c, const struct incoming *in, const struct rpc_service *service)
{
    struct loop *loop = host_loop(c->pub.host);
    char error[CALL_ERROR_MAX] = "Permission denied";

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

void call_start(struct rpc_host *h, const struct incoming *in, struct slice path)
{
    struct slice name;
    struct hosted *s = find_service(h, path, &name);
    const struct rpc_method *method = s ? find_method(s->service, name) : NULL;
    struct address from;

    loop_count(host_loop(h), METRIC_HUB_CALLS, 1);
    if (!address_split(in->from, &from))
        return;
    if (!method) {
        loop_count(host_loop(h), METRIC_HUB_CALL_ERRORS, 1);
        call_refuse(h, in, "Method expired or not found: " SLICE_FMT ":" SLICE_FMT, SLICE_ARG(in->from),
                    SLICE_ARG(in->method));
        return;
    }
    if (is_greedy(h, in->from)) {
        loop_count(host_loop(h), METRIC_HUB_CALLS_SHED, 1);
        refuse_text(h, in, "RuntimeError", SLICE_LIT("Too many pending calls"));
        return;
    }
    if (!call_may_reach(h, s->service, in->ws)) {
        loop_count(host_loop(h), METRIC_HUB_CALL_ERRORS, 1);
        call_refuse(h, in, "Permission denied for invoking protected method " SLICE_FMT ":" SLICE_FMT
                    ", workspace mismatch: " SLICE_FMT " != " SLICE_FMT, SLICE_ARG(in->from), SLICE_ARG(in->method),
                    SLICE_ARG(h->parts.workspace), SLICE_ARG(in->ws));
        return;
    }
    struct user *user = in->user ? user_ref(in->user) : user_from_mp(in->user_map);
    if (!user) {
        loop_count(host_loop(h), METRIC_FRAMES_MALFORMED, 1);
        return;
    }
    struct call *c = call_new(h, in, user);
    c->pub.method = method;
    (void)address_split(c->pub.from_text, &c->pub.from);
    run(c, in, s->service);
}
