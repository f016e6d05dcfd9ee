/* rpc_dispatch: what a frame is for. `services.*` are calls; anything else names a session of ours,
 * which only the client that was called may touch. Who speaks is read from what the router stamped
 * and from nowhere else: segment 2 is never merged over segment 1, so its keys cannot override
 * anything. A frame that arrived in chunks speaks for whoever completed it.
 *
 * Segment 2 is read here as far as a loop has time: what holds many values, or must be joined
 * first, is read by a worker. Such a frame may be overtaken by later ones. */
#include "rpc/rpc_dispatch.h"

#include "base/memory.h"
#include "config/config.h"
#include "loop/offload.h"
#include "rpc/rpc_call.h"
#include "rpc/chunks_in.h"
#include "rpc/payload.h"
#include "rpc/pending.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"

/* The router has applied the configured caps to what arrives here; frames of the hub's own hosts
 * know only these. */
static const struct rpc_header_caps generous = {
    .max_bytes = UINT32_MAX, .max_depth = MP_MAX_DEPTH, .max_pairs = UINT32_MAX};

static bool is_method(int outcome, const struct rpc_header *h)
{
    return (outcome == RPC_HEADER_OK || outcome == RPC_HEADER_NO_TO) &&
           slice_is(h->type, "method") && h->method.len;
}

static void rpc_dispatch_fill(struct incoming *in, const struct rpc_header *h,
                              const struct payload *p)
{
    in->method = h->method;
    in->session = h->session;
    in->args = p->args;
    in->first = p->first;
    in->n_values = p->n_values;
    in->with_kwargs = p->with_kwargs;
    in->promise = p->promise;
    if (in->promise.is_compact && !in->session.len)
        in->promise.is_present = false; /* a promise without a path to answer on */
}

static void rpc_dispatch_identify(struct incoming *in, const struct rpc_header *h)
{
    in->from = h->from;
    (void)mp_find_str(h->map, "ws", &in->ws);
    (void)mp_find(h->map, "user", &in->user_map);
}

/* ---- to whom it is ---- */

static void run_session(struct rpc_host *h, const struct incoming *in, struct slice id,
                        struct slice rest)
{
    struct pending *p = pending_find(h, id);

    if (!p) {
        call_refuse(h, in, "Session not found: " SLICE_FMT ":" SLICE_FMT, SLICE_ARG(in->from),
                    SLICE_ARG(in->method));
    } else if (!slice_eq(p->target, in->from)) {
        call_refuse(h, in,
                    "Access denied for method call (" SLICE_FMT ") from " SLICE_FMT
                    " to target " SLICE_FMT,
                    SLICE_ARG(in->method), SLICE_ARG(in->from), SLICE_ARG(p->target));
    } else if (slice_is(rest, "heartbeat")) {
        pending_touch(p);
    } else if (slice_is(rest, "resolve") || slice_is(rest, "reject")) {
        pending_settle(p, slice_is(rest, "resolve"), in);
    } else {
        call_start_callback(h, in, p->callbacks, rest);
    }
}

void dispatch_run(struct rpc_host *h, const struct incoming *in)
{
    struct slice first, rest;

    if (!slice_cut(in->method, '.', &first, &rest))
        call_refuse(h, in, "Method not found: " SLICE_FMT ":" SLICE_FMT " at " SLICE_FMT,
                    SLICE_ARG(in->from), SLICE_ARG(in->method), SLICE_ARG(h->parts.client));
    else if (slice_is(first, "services"))
        call_start(h, in, rest);
    else
        run_session(h, in, first, rest);
}

/* Nobody can read it. A call is told so, in the form nearly all ask for; the promise is among what
 * was not read. An answer is one to us. */
static void refuse_unread(struct rpc_host *h, struct incoming *in)
{
    struct slice id, rest;
    struct pending *p = slice_cut(in->method, '.', &id, &rest) ? pending_find(h, id) : NULL;

    loop_count(host_loop(h), METRIC_HUB_CALLS_SHED, 1);
    in->promise = (struct rpc_promise){.is_present = in->session.len > 0, .is_compact = true};
    if (!p)
        call_refuse(h, in, "RuntimeError: Too many large messages are being read, please retry");
    else if (slice_eq(p->target, in->from))
        pending_refuse(p, config_names.bulk_queue,
                       "Too many large answers are being read, please retry");
}

/* ---- reading beside the loop ---- */

struct study {
    struct job job;
    struct rpc_host *host; /* holds a reference */
    struct rpc_header header;
    int header_outcome, outcome;
    struct payload payload;
    struct slice bytes, tail; /* segment 2 */
    /* of a frame that came whole: */
    struct msg *msg; /* holds a reference */
    /* of one that came in chunks: */
    struct call *completed_by; /* settled when it has been read; else NULL */
    struct upload_in *upload;
    struct blob *joined;
    struct rpc_header_caps caps;
};

static void study_free(struct study *s)
{
    struct rpc_host *h = s->host;

    msg_unref(s->msg);
    blob_unref(s->joined);
    if (s->upload)
        chunks_drop_later(s->upload);
    mem_free(s);
    host_unref(h);
}

static struct study *study_new(struct rpc_host *h)
{
    struct study *s = MEM_NEW(struct study);

    host_ref(h);
    s->host = h;
    return s;
}

static void study_read(struct job *job)
{
    struct study *s = CONTAINER_OF(job, struct study, job);

    s->outcome = payload_read(s->bytes, s->tail, SIZE_MAX, &s->payload);
}

static void study_read_done(struct job *job)
{
    struct study *s = CONTAINER_OF(job, struct study, job);
    struct incoming in = {.msg = s->msg};

    if (!s->host->is_open) {
        router_bounce(s->host->rl->router, host_loop(s->host), msg_ref(s->msg));
    } else if (s->outcome != PAYLOAD_OK) {
        loop_count(host_loop(s->host), METRIC_FRAMES_MALFORMED, 1);
    } else {
        rpc_dispatch_fill(&in, &s->header, &s->payload);
        rpc_dispatch_identify(&in, &s->header);
        dispatch_run(s->host, &in);
    }
    study_free(s);
}

static bool is_of_stranger(const struct incoming *in)
{
    struct slice value;
    bool is_anonymous = false;

    return mp_find(in->user_map, "is_anonymous", &value) && mp_get_bool(value, &is_anonymous) &&
           is_anonymous;
}

/* A frame with more values than a loop looks at. */
static void rpc_dispatch_study(struct rpc_host *h, struct msg *m, const struct rpc_header *header,
                               struct slice bytes, struct slice tail)
{
    struct study *s = study_new(h);

    s->msg = msg_ref(m);
    s->header = *header;
    s->bytes = bytes;
    s->tail = tail;
    struct incoming in = {.msg = m, .method = header->method, .session = header->session};
    rpc_dispatch_identify(&in, header);
    s->job = (struct job){.class = OFFLOAD_BULK,
                          .is_stranger = is_of_stranger(&in),
                          .work = study_read,
                          .done = study_read_done};
    if (offload(host_loop(h), &s->job) == OFFLOAD_OK)
        return;
    refuse_unread(h, &in);
    study_free(s);
}

void dispatch_msg(struct rpc_host *h, struct msg *m)
{
    struct rpc_header header;
    struct payload payload;
    struct incoming in = {.msg = m};
    int r = rpc_header_peek(msg_head_slice(m), &generous, &header);

    if (is_method(r, &header)) {
        /* A frame of a peer has segment 2 whole in one of the two; one of ours may have the end of
         * it in the tail. */
        struct slice bytes = header.tail.len ? header.tail : m->tail,
                     tail = header.tail.len ? m->tail : (struct slice){NULL, 0};
        r = payload_read(bytes, tail, PAYLOAD_VALUES_MAX, &payload);
        if (r == PAYLOAD_OK) {
            rpc_dispatch_fill(&in, &header, &payload);
            rpc_dispatch_identify(&in, &header);
            dispatch_run(h, &in);
        } else if (r == PAYLOAD_LONG) {
            rpc_dispatch_study(h, m, &header, bytes, tail);
        } else {
            loop_count(host_loop(h), METRIC_FRAMES_MALFORMED, 1);
        }
        /* events are nothing to a host: it subscribes to none */
    } else if (slice_is(header.type, "method")) {
        loop_count(host_loop(h), METRIC_FRAMES_MALFORMED, 1);
    }
    msg_unref(m);
}

/* ---- a frame that came in chunks ---- */

static void study_join(struct job *job)
{
    struct study *s = CONTAINER_OF(job, struct study, job);

    chunks_copy(s->upload, s->joined->data);
    chunks_drop(s->upload);
    s->upload = NULL;
    s->header_outcome =
        rpc_header_peek(slice_make(s->joined->data, s->joined->len), &s->caps, &s->header);
    s->outcome = is_method(s->header_outcome, &s->header)
                     ? payload_read(s->header.tail, s->tail, SIZE_MAX, &s->payload)
                     : PAYLOAD_BAD;
}

static void run_joined(struct study *s, struct msg *m)
{
    struct call *c = s->completed_by;
    struct rpc_host *h = s->host;
    bool has_gone = !c->remote;
    struct incoming in = {.msg = m,
                          .from = c->pub.from_text,
                          .ws = c->pub.workspace,
                          .user = c->pub.user,
                          .n_held = s->joined->len};

    rpc_dispatch_fill(&in, &s->header, &s->payload);
    /* Answered first: what the message does may close this host. Ended last: the message speaks as
     * this call. */
    call_send_answer(c, true, (struct slice){NULL, 0});
    if (h->is_open && !has_gone)
        dispatch_run(h, &in);
    call_end(c);
}

static void refuse_joined(struct rpc_call *call, const struct account *payer)
{
    struct account_refusal why = account_refusal(payer);

    rpc_reject_no_room(call, &why, "No room for the chunked message");
}

static void study_join_done(struct job *job)
{
    struct study *s = CONTAINER_OF(job, struct study, job);
    struct rpc_call *call = &s->completed_by->pub;
    struct msg *m = msg_try_new(0, s->joined->account);

    if (s->outcome != PAYLOAD_OK) {
        rpc_reject(call, "ValueError", "The chunked message is malformed");
    } else if (slice_starts(s->header.method, "services.built-in.message_cache.")) {
        rpc_reject(call, "ValueError", "A chunked message may not call message_cache");
    } else if (!m) {
        refuse_joined(call, s->joined->account);
    } else {
        msg_set_tail(m, s->joined, slice_make(s->joined->data, s->joined->len));
        run_joined(s, m);
    }
    msg_unref(m);
    study_free(s);
}

void dispatch_unpacked(struct rpc_call *completed_by, struct upload_in *u)
{
    struct rpc_host *h = completed_by->host;
    const struct config *config = host_loop(h)->config;
    struct study *s = study_new(h);

    s->upload = u;
    s->completed_by = CONTAINER_OF(completed_by, struct call, pub);
    s->caps = config ? (struct rpc_header_caps){(uint32_t)config->rpc_max_header_bytes,
                                                config->rpc_max_depth, config->rpc_max_pairs}
                     : generous;
    s->joined = blob_try_new(chunks_bytes(u), chunks_payer(u));
    s->job = (struct job){.class = OFFLOAD_BULK,
                          .is_stranger = completed_by->user->is_anonymous,
                          .work = study_join,
                          .done = study_join_done};
    if (!s->joined) {
        refuse_joined(completed_by, chunks_payer(u));
        study_free(s);
    } else if (chunks_are_short(u)) {
        study_join(&s->job);
        study_join_done(&s->job);
    } else if (offload(host_loop(h), &s->job) != OFFLOAD_OK) {
        rpc_reject(completed_by, "RuntimeError",
                   "Too many large messages are being read, please retry");
        study_free(s);
    }
}
