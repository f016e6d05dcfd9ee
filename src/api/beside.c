/* beside: a job knows its request by a ticket and its caller by a pointer, which is good when the
 * ticket finds the request: a caller ends with its request or is its owner. */
#include "api/beside.h"

#include "api/args.h"
#include "base/account.h"
#include "base/blob.h"
#include "base/memory.h"
#include "base/msg.h"
#include "config/config.h"
#include "loop/offload.h"
#include "wire/json.h"
#include "wire/rpc_value.h"

enum { SHORT_BODY = JSON_SHORT_TEXT, SHORT_VALUE = 32 * 1024 };

/* ---- reading ---- */

struct reading {
    struct job job;
    struct http_ticket ticket;
    struct caller *caller;
    enum api_body kind;
    unsigned keeps;
    struct http_body body;
    struct held_buf array, error; /* not of the leaf, which a worker must not charge */
    bool with_kwargs;
    int outcome;
    beside_read_then *then;
};

static void reading_free(struct reading *r)
{
    http_body_deinit(&r->body);
    held_buf_deinit(&r->array);
    held_buf_deinit(&r->error);
    mem_free(r);
}

static void reading_work(struct job *job)
{
    struct reading *r = CONTAINER_OF(job, struct reading, job);
    struct api_args args = {.array = r->array.b, .keeps = r->keeps};

    r->outcome = api_args_read_body(r->kind, http_body_slice(&r->body), &args, &r->error.b);
    r->array.b = args.array;
    r->with_kwargs = args.with_kwargs;
    http_body_deinit(&r->body);
}

static void reading_pass_on(struct reading *r, struct http_request *req)
{
    struct beside_args args = {
        .outcome = r->outcome, .error = buf_slice(&r->error.b), .with_kwargs = r->with_kwargs};

    if (args.outcome == API_ARGS_OK) {
        args.blob = blob_try_adopt(&r->array.b, req->account);
        if (!args.blob) {
            caller_answer_no_room(r->caller, req, req->account,
                                  "There is no room for the arguments");
            return;
        }
        args.array = slice_make(args.blob->data, args.blob->len);
    }
    r->then(r->caller, req, &args);
    blob_unref(args.blob);
}

static void reading_done(struct job *job)
{
    struct reading *r = CONTAINER_OF(job, struct reading, job);
    struct http_request *req = http_request_resume(r->ticket);

    if (req)
        reading_pass_on(r, req);
    reading_free(r);
}

static void read_by_worker(struct caller *c, struct http_request *req, unsigned keeps,
                           beside_read_then *then)
{
    struct reading *r = MEM_NEW(struct reading);

    r->ticket = c->ticket;
    r->caller = c;
    r->kind = api_args_body(req);
    r->keeps = keeps;
    r->body = http_request_take_body(req);
    held_buf_init(&r->array, 0, account_shared(req->account));
    held_buf_init(&r->error, 0, account_shared(req->account));
    r->then = then;
    r->job = (struct job){.class = OFFLOAD_BULK,
                          .is_stranger = !req->is_verified,
                          .work = reading_work,
                          .done = reading_done};
    if (offload(req->loop, &r->job) == OFFLOAD_OK)
        return;
    reading_free(r);
    req->refused_by = config_names.bulk_queue;
    caller_answer_error(c, req, 503,
                        SLICE_LIT("Too many large bodies are being read, please retry"));
}

void beside_read(struct caller *c, struct http_request *req, unsigned keeps, beside_read_then *then)
{
    enum api_body kind = api_args_body(req);
    bool is_body = kind != API_BODY_NONE;
    struct api_args args = {.keeps = keeps};
    SCRATCH_BUF(error, 0);

    if (is_body && kind != API_BODY_OTHER && req->body.len > SHORT_BODY) {
        read_by_worker(c, req, keeps, then);
        return;
    }
    int r = is_body ? api_args_read_body(kind, req->body, &args, &error)
                    : api_args_read(req, &args, &error);
    then(c, req,
         &(struct beside_args){.outcome = r,
                               .error = buf_slice(&error),
                               .array = buf_slice(&args.array),
                               .with_kwargs = args.with_kwargs});
    api_args_deinit(&args);
}

/* ---- writing ---- */

struct writing {
    struct job job;
    struct http_ticket ticket;
    struct caller *caller;
    struct beside_value v; /* msg: holds a reference */
    struct held_buf copy;  /* what the value lies in when it is of no message */
    bool as_msgpack;
    struct held_buf text;
    enum beside_outcome outcome;
    beside_write_then *then;
};

static void beside_writing_free(struct writing *w)
{
    msg_unref(w->v.msg);
    held_buf_deinit(&w->copy);
    held_buf_deinit(&w->text);
    mem_free(w);
}

static enum beside_outcome beside_outcome_of(int json, const struct buf *text)
{
    if (text->is_failed || json == JSON_NO_MEMORY)
        return BESIDE_NO_ROOM;
    return json == JSON_OK ? BESIDE_OK : json == JSON_HAS_NAN ? BESIDE_NAN : BESIDE_BYTES;
}

/* False: it takes longer than a loop has; nothing of it is kept. */
static bool write_text(const struct beside_value *v, bool as_msgpack, bool has_time,
                       struct buf *text, enum beside_outcome *ret)
{
    int r = JSON_OK;

    if (v->refuses_functions && rpc_value_has_method(v->value)) {
        *ret = BESIDE_FUNCTION;
        return true;
    }
    if (as_msgpack) {
        buf_add_slice(text, v->value);
    } else {
        buf_add_text(text, v->before ? v->before : "");
        r = has_time ? json_from_mp(v->value, text) : json_from_short_mp(v->value, text);
        buf_add_text(text, v->after ? v->after : "");
    }
    if (r == JSON_LONG) {
        buf_clear(text);
        return false;
    }
    *ret = beside_outcome_of(r, text);
    return true;
}

static void writing_work(struct job *job)
{
    struct writing *w = CONTAINER_OF(job, struct writing, job);

    (void)write_text(&w->v, w->as_msgpack, true, &w->text.b, &w->outcome);
}

static void writing_done(struct job *job)
{
    struct writing *w = CONTAINER_OF(job, struct writing, job);
    struct http_request *req = http_request_resume(w->ticket);

    if (req)
        w->then(w->caller, req, w->outcome, &w->text);
    beside_writing_free(w);
}

static void write_by_worker(struct caller *c, struct http_request *req,
                            const struct beside_value *v, beside_write_then *then)
{
    struct writing *w = MEM_NEW(struct writing);

    w->ticket = c->ticket;
    w->caller = c;
    w->v = *v;
    held_buf_init(&w->copy, 0, account_shared(req->account));
    held_buf_init(&w->text, 0, account_shared(req->account));
    w->as_msgpack = c->wants_msgpack;
    w->then = then;
    w->job = (struct job){.class = OFFLOAD_BULK,
                          .is_stranger = !req->is_verified,
                          .work = writing_work,
                          .done = writing_done};
    if (v->msg) {
        msg_ref(v->msg);
    } else {
        held_buf_set(&w->copy, v->value);
        w->v.value = buf_slice(&w->copy.b);
    }
    if (w->copy.b.is_failed || offload(req->loop, &w->job) != OFFLOAD_OK) {
        then(c, req, w->copy.b.is_failed ? BESIDE_NO_ROOM : BESIDE_BUSY, &w->text);
        beside_writing_free(w);
    }
}

void beside_write(struct caller *c, struct http_request *req, const struct beside_value *v,
                  beside_write_then *then)
{
    enum beside_outcome outcome;
    struct held_buf text;

    held_buf_init(&text, 0, req->account);
    if (v->value.len <= SHORT_VALUE && write_text(v, c->wants_msgpack, false, &text.b, &outcome))
        then(c, req, outcome, &text);
    else
        write_by_worker(c, req, v, then);
    held_buf_deinit(&text);
}

struct slice beside_error(enum beside_outcome outcome, const struct held_buf *text,
                          char room[ACCOUNT_REFUSAL_MAX])
{
    struct account_refusal why;

    switch (outcome) {
    case BESIDE_FUNCTION:
        return SLICE_LIT("TypeError: Functions cannot be returned over HTTP");
    case BESIDE_NAN:
        return SLICE_LIT("ValueError: Out of range float values are not JSON compliant");
    case BESIDE_BYTES:
        return SLICE_LIT("TypeError: Object of type bytes is not JSON serializable");
    case BESIDE_NO_ROOM:
        why = account_refusal(text->b.account);
        return slice_of(account_refusal_text(&why, "There is no room for the answer", room));
    default:
        return SLICE_LIT("Too many large answers are being written, please retry");
    }
}
