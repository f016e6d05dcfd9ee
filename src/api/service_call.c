/* service_call: GET and POST /{workspace}/services/{service}/{function}. Two RPC round trips: the
 * manager gives the service, its provider the result. */
#include <string.h>

#include "api/api_answer.h"
#include "api/args.h"
#include "api/beside.h"
#include "api/caller.h"
#include "api/generator.h"
#include "api/interface.h"
#include "api/api_internal.h"
#include "base/memory.h"
#include "http/request.h"
#include "http/response.h"
#include "peer/hub.h"
#include "wire/mp.h"
#include "wire/url.h"

static bool is_manager(struct slice service_id)
{
    return slice_is(service_id, "~") || slice_is(service_id, "ws");
}

/* ["<ws>/<service>", {"mode": m}] for get_service and get_service_info. */
void api_service_args(const struct http_request *req, struct slice workspace,
                      struct slice service_id, struct buf *out)
{
    SCRATCH_BUF(text, 0);
    SCRATCH_BUF(mode, 0);

    if (is_manager(service_id)) {
        buf_add_text(&text, "~");
    } else {
        buf_add_slice(&text, workspace);
        buf_add_byte(&text, '/');
        buf_add_slice(&text, service_id);
    }
    bool has_mode = url_query_find(req->query, "_mode", &mode);
    mp_add_array(out, 2);
    mp_add_str(out, buf_slice(&text));
    mp_add_map(out, has_mode);
    if (has_mode) {
        mp_add_text(out, "mode");
        mp_add_str(out, buf_slice(&mode));
    }
}

static void service_call_on_result(struct caller *c, struct http_request *req,
                                   const struct rpc_reply *reply)
{
    if (reply->outcome != RPC_RESOLVED)
        caller_answer_reply(c, req, reply);
    else if (generator_is(reply->value))
        generator_stream(c, req, reply->value);
    else
        answer_value(c, req, reply->value, reply->msg);
}

static void on_args(struct caller *c, struct http_request *req, const struct beside_args *args)
{
    struct rpc_request request;

    if (args->outcome != API_ARGS_OK) {
        caller_answer_error(c, req, args->outcome == API_ARGS_TYPE ? 415 : 400, args->error);
    } else if (!rpc_request_from_ref(buf_slice(&c->object.b), slice_of(c->target_workspace),
                                     &c->scratch.b, &request)) {
        caller_answer_error(c, req, 500, SLICE_LIT("TypeError: The function cannot be called"));
    } else {
        request.args = args->array;
        request.args_blob = args->blob;
        request.with_kwargs = args->with_kwargs;
        caller_request(c, &request, service_call_on_result);
        if (request.promise == RPC_PROMISE_NONE) /* nobody will answer it */
            answer_value(c, req, SLICE_LIT(""), NULL);
    }
}

/* Whether it is served by the hub itself. */
static bool is_hubs(const struct caller *c, struct slice ref)
{
    struct slice target;

    return mp_find_str(ref, "_rtarget", &target) && caller_is_hubs(c, target);
}

static void call_function(struct caller *c, struct http_request *req, struct slice ref)
{
    held_buf_set(&c->object, ref); /* it lies in a reply that ends with this call */
    if (c->object.b.is_failed)
        caller_answer_no_room(c, req, c->object.b.account, "There is no room for the call");
    else
        beside_read(c, req, is_hubs(c, ref) ? api_args_taken(ref) : 0, on_args);
}

/* The provider's workspace, which bare references in its object are relative to: the part of its id
 * before the slash. */
static char *service_call_workspace_of(struct slice object)
{
    struct slice id = SLICE_LIT(""), head = SLICE_LIT("*"), rest;

    (void)mp_find_str(object, "id", &id);
    (void)slice_cut(id, '/', &head, &rest);
    return mem_copy(head.ptr, head.len);
}

static void answer_member(struct caller *c, struct http_request *req, struct slice member)
{
    SCRATCH_BUF(plain, 0);

    interface_describe(member, &plain);
    answer_value(c, req, buf_slice(&plain), NULL);
}

static void service_call_on_service(struct caller *c, struct http_request *req,
                                    const struct rpc_reply *reply)
{
    struct slice member;

    if (reply->outcome != RPC_RESOLVED) {
        caller_answer_reply(c, req, reply);
        return;
    }
    struct slice path = http_request_param(req, "function");
    c->target_workspace = service_call_workspace_of(reply->value);
    if (!interface_find(reply->value, path, &member)) {
        SCRATCH_BUF(detail, 0);
        buf_add_slice(&detail, path);
        buf_add_text(&detail, " not found.");
        caller_answer_error(c, req, 404, buf_slice(&detail));
    } else if (interface_is_function(member)) {
        call_function(c, req, member);
    } else {
        answer_member(c, req, member);
    }
}

static void service_call_ask_service(struct caller *c, struct http_request *req)
{
    SCRATCH_BUF(args, 0);

    api_service_args(req, http_request_param(req, "workspace"),
                     http_request_param(req, "service_id"), &args);
    caller_ask_manager(c, "get_service", buf_slice(&args), service_call_on_service);
}

void api_on_call(struct http_request *req, void *arg)
{
    static const struct caller_endpoint endpoint = {.next = service_call_ask_service};

    caller_begin(arg, req, http_request_param(req, "workspace"), &endpoint);
}
