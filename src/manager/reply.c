/* reply: a client chooses the names that appear in a refusal, so the text is cut to a bound and
 * never inside a character. */
#include "manager/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "rpc/rpc.h"
#include "wire/mp.h"

bool refuse(struct refusal *r, const char *class_name, const char *fmt, ...)
{
    va_list args;

    r->class_name = class_name;
    va_start(args, fmt);
    (void)vsnprintf(r->text, sizeof(r->text), fmt, args);
    va_end(args);
    size_t n = slice_utf8_prefix(slice_of(r->text), sizeof(r->text) - 4).len;
    r->text[n] = '\0';
    return false;
}

void reply_refusal(struct rpc_call *call, const struct refusal *r)
{
    rpc_reject_text(call, r->class_name, slice_of(r->text));
}

void reply_buf(struct rpc_call *call, struct buf *b)
{
    if (!b->is_failed) {
        rpc_resolve_owned(call, b);
        return;
    }
    rpc_reject(call, "RuntimeError", "The answer is too large");
    buf_deinit(b);
}

void reply_no_room(struct rpc_call *call, struct slice workspace)
{
    loop_count(rpc_host_loop(call->host), METRIC_QUOTA_REFUSED, 1);
    rpc_reject(call, "RuntimeError", "No room for the record of workspace " SLICE_FMT ": who made it may hold no more (--user-bytes)",
               SLICE_ARG(slice_utf8_prefix(workspace, 200)));
}

void reply_nil(struct rpc_call *call)
{
    rpc_resolve(call, (struct slice){NULL, 0});
}

void reply_text(struct rpc_call *call, struct slice text)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_str(&b, text);
    reply_buf(call, &b);
}

void reply_bool(struct rpc_call *call, bool value)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_bool(&b, value);
    reply_buf(call, &b);
}

struct slice call_text(const struct rpc_call *call, unsigned i)
{
    struct slice text = {NULL, 0};

    (void)mp_get_str(call->args[i], &text);
    return text;
}

bool call_bool(const struct rpc_call *call, unsigned i, bool otherwise)
{
    bool value = otherwise;

    (void)mp_get_bool(call->args[i], &value);
    return value;
}

bool call_has(const struct rpc_call *call, unsigned i)
{
    return call->args[i].len > 0;
}
