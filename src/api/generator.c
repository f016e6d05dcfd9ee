/* generator: one item is asked for at a time, and only while the client takes them; when it leaves,
 * the generator is closed so that its provider stops working. */
#include "api/generator.h"

#include <string.h>

#include "api/beside.h"
#include "api/errors.h"
#include "base/memory.h"
#include "http/request.h"
#include "http/response.h"
#include "wire/json.h"
#include "wire/mp.h"

enum { HIGH_BYTES = 256 * 1024, LATE_BYTES = 64 * 1024, PIECE_BYTES = 64 * 1024 };

/* Around an item in JSON. */
#define BEFORE "data: "
#define AFTER "\n\n"

static void generator_pull(struct caller *c);

bool generator_is(struct slice value)
{
    struct slice type;

    return mp_find_str(value, "_rtype", &type) && slice_is(type, "generator");
}

static void generator_end_stream(const struct caller *c, struct http_request *req)
{
    if (!c->wants_msgpack)
        (void)http_stream_write(req, SLICE_LIT("data: [DONE]\n\n"));
    http_stream_end(req);
}

static void generator_finish(struct caller *c, struct http_request *req)
{
    generator_end_stream(c, req);
    caller_free(c);
}

/* A short one. */
static void generator_write_json(struct http_request *req, struct slice value, struct buf *scratch)
{
    buf_add_text(scratch, BEFORE);
    if (json_from_mp(value, scratch) != JSON_OK)
        return;
    buf_add_text(scratch, AFTER);
    (void)http_stream_write(req, buf_slice(scratch));
}

static void write_error(struct caller *c, struct http_request *req, struct slice detail)
{
    SCRATCH_BUF(b, 0);
    SCRATCH_BUF(json, 0);

    mp_add_map(&b, 2);
    mp_add_text(&b, "error");
    mp_add_str(&b, detail);
    mp_add_text(&b, "traceback");
    mp_add_text(&b, "");
    if (c->wants_msgpack)
        (void)http_stream_write(req, buf_slice(&b));
    else
        generator_write_json(req, buf_slice(&b), &json);
}

static void generator_fail(struct caller *c, struct http_request *req, struct slice detail)
{
    write_error(c, req, detail);
    generator_finish(c, req);
}

/* Writes of the item what the client takes, then asks for the next. */
static void write_pieces(struct caller *c, struct http_request *req)
{
    struct slice rest = slice_from(buf_slice(&c->text.b), c->n_text);

    for (size_t waiting = http_stream_waiting(req); rest.len;
         rest = slice_from(rest, slice_to(rest, PIECE_BYTES).len)) {
        c->is_waiting_drain = waiting > HIGH_BYTES;
        if (c->is_waiting_drain)
            return;
        waiting = http_stream_write(req, slice_to(rest, PIECE_BYTES));
        c->n_text += slice_to(rest, PIECE_BYTES).len;
    }
    held_buf_deinit(&c->text);
    if (!http_stream_is_taken(req))
        return; /* on_gone is next */
    c->is_waiting_drain = http_stream_waiting(req) > HIGH_BYTES;
    if (!c->is_waiting_drain)
        generator_pull(c);
}

static void generator_on_written(struct caller *c, struct http_request *req,
                                 enum beside_outcome outcome, struct held_buf *text)
{
    char room[ACCOUNT_REFUSAL_MAX];

    if (outcome != BESIDE_OK) {
        generator_fail(c, req, beside_error(outcome, text, room));
        return;
    }
    c->text = *text;
    c->n_text = 0;
    *text = (struct held_buf){0};
    write_pieces(c, req);
}

static bool is_stop(struct slice value)
{
    struct slice type;

    return mp_find_str(value, "_rtype", &type) && slice_is(type, "stop_iteration");
}

static void on_item(struct caller *c, struct http_request *req, const struct rpc_reply *reply)
{
    static const char nil[] = {(char)0xc0};
    struct buf detail;

    if (reply->outcome != RPC_RESOLVED) {
        buf_init(&detail, 0);
        (void)api_error_of(reply, false, &detail); /* the status has been sent already */
        generator_fail(c, req, buf_slice(&detail));
        buf_deinit(&detail);
    } else if (is_stop(reply->value)) {
        generator_finish(c, req);
    } else {
        beside_write(
            c, req,
            &(struct beside_value){.value = reply->value.len ? reply->value : slice_make(nil, 1),
                                   .msg = reply->msg,
                                   .before = BEFORE,
                                   .after = AFTER},
            generator_on_written);
    }
}

static void generator_pull(struct caller *c)
{
    caller_request(c, &c->step, on_item);
}

static void generator_on_drained(struct http_request *req, void *owner)
{
    struct caller *c = owner;

    if (c->is_waiting_drain)
        write_pieces(c, req);
}

/* The client has left: the provider's generator is closed before its caller goes. */
static void generator_on_gone(void *owner)
{
    struct caller *c = owner;
    struct slice method;
    struct rpc_request request = c->step;

    if (!mp_find_str(c->generator, "_rclose_method", &method)) {
        caller_free(c);
        return;
    }
    request.method = method;
    request.deadline_ms = 10000;
    caller_request_last(c, &request);
}

/* A client that is behind, or in the middle of an item, gets no more. */
static void on_put_out(struct caller *c, struct http_request *req, struct slice text)
{
    if (c->text.b.len || http_stream_waiting(req) > LATE_BYTES) {
        http_request_drop(req);
    } else {
        write_error(c, req, text);
        generator_end_stream(c, req);
    }
    generator_on_gone(c);
}

void generator_stream(struct caller *c, struct http_request *req, struct slice ref)
{
    /* The reference lies in a reply that ends with this call. */
    buf_clear(&c->object.b);
    buf_add_slice(&c->object.b, ref);
    c->generator = buf_slice(&c->object.b);
    if (!rpc_request_from_ref(c->generator, slice_of(c->target_workspace), &c->step_text.b,
                              &c->step) ||
        c->step.promise == RPC_PROMISE_NONE) { /* nobody would answer */
        caller_answer_error(c, req, 500, SLICE_LIT("TypeError: The generator cannot be followed"));
        return;
    }
    (void)http_request_park(req, &(struct http_watch){.owner = c,
                                                      .on_gone = generator_on_gone,
                                                      .on_drained = generator_on_drained});
    c->on_put_out = on_put_out;
    http_stream_begin(req, 200,
                      c->wants_msgpack ? "application/msgpack" : "text/event-stream; charset=utf-8",
                      SLICE_LIT(""));
    if (req->method == HTTP_M_HEAD) {
        http_stream_end(req);
        generator_on_gone(c);
    } else {
        generator_pull(c);
    }
}
