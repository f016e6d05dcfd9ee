/* reply: a client chooses the names that appear in a refusal, so the text is cut to a bound and
 * never inside a character. */
#include "manager/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/account.h"
#include "config/config.h"
#include "peer/hub.h"
#include "registry/registry.h"
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
    struct account_refusal why = account_refusal(rpc_call_payer(call));
    rpc_reject_no_room(call, &why, "There is no room for the answer");
    buf_deinit(b);
}

void reply_no_room(struct rpc_call *call, struct slice workspace, const struct account_refusal *why)
{
    loop_count(rpc_host_loop(call->host), METRIC_QUOTA_REFUSED, 1);
    rpc_reject_no_room(call, why, "No room for the record of workspace " SLICE_FMT,
                       SLICE_ARG(slice_utf8_prefix(workspace, 200)));
}

bool refuse_record(struct refusal *r, struct hub *h, const struct workspace *w,
                   enum record_outcome outcome)
{
    struct account_refusal why = account_refusal(w->keeper);
    char what[256], room[ACCOUNT_REFUSAL_MAX];

    loop_count(h->loop, METRIC_QUOTA_REFUSED, 1);
    if (outcome == RECORD_TOO_LONG)
        return refuse(
            r, "ValueError",
            "The record of workspace %s would be larger than %zu bytes (--max-workspace-record)",
            w->id, loop_config(h->loop)->max_workspace_record_bytes);
    (void)snprintf(what, sizeof(what), "No room for the record of workspace %.200s", w->id);
    return refuse(r, "RuntimeError", "%s", account_refusal_text(&why, what, room));
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
