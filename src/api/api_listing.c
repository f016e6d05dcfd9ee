/* api_listing: what there is to call, and where: services of a workspace, one service, the
 * workspace's own record. */
#include <stdint.h>
#include <string.h>

#include "api/api_answer.h"
#include "api/caller.h"
#include "api/errors.h"
#include "api/interface.h"
#include "api/api_internal.h"
#include "base/msg.h"
#include "http/http_conn.h"
#include "http/location.h"
#include "http/request.h"
#include "http/response.h"
#include "wire/json.h"
#include "wire/mp.h"
#include "wire/url.h"

enum {
    /* items: a longer listing is written as the client reads it */
    STREAM_ABOVE = 1000,
    STREAM_ABOVE_BYTES = 256 * 1024,
    PIECE = 64 * 1024, /* bytes */
    WAITING_MOST = 256 * 1024,
};

/* Copies a map; the value of `key` goes through edit. */
static void copy_map(struct slice map, struct buf *out, const char *without, const char *edited,
                     struct slice prefix)
{
    struct slice k, v, name, text;
    struct mp_open open;
    struct mp_iter it;

    mp_open_map(&open, out);
    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &k, &v)) {
        bool is_text = mp_get_str(k, &name);
        if (is_text && slice_is(name, without))
            continue;
        open.n++;
        mp_add_raw(out, k);
        if (is_text && edited && slice_is(name, edited) && mp_get_str(v, &text) &&
            text.len > prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0)
            mp_add_str(out, slice_from(text, prefix.len));
        else
            mp_add_raw(out, v);
    }
    mp_close(&open);
}

static bool api_listing_resolved(struct caller *c, struct http_request *req,
                                 const struct rpc_reply *reply)
{
    if (reply->outcome != RPC_RESOLVED)
        caller_answer_reply(c, req, reply);
    return reply->outcome == RPC_RESOLVED;
}

/* A whole number in the query; otherwise when it is not there. False: it is there, and is none. */
static bool query_count(const struct http_request *req, const char *name, size_t otherwise,
                        size_t *ret)
{
    SCRATCH_BUF(text, 0);
    bool ok = true;

    *ret = otherwise;
    if (url_query_find(req->query, name, &text)) {
        ok = text.len > 0 && text.len < 10;
        *ret = 0;
        for (size_t i = 0; ok && i < text.len; i++) {
            ok = text.ptr[i] >= '0' && text.ptr[i] <= '9';
            *ret = *ret * 10 + (size_t)(text.ptr[i] - '0');
        }
    }
    return ok;
}

/* ---- a listing: item by item, as the client reads it ---- */

/* prefix: "workspace/", which all ids share and none shows. */
static void api_listing_add_item(struct caller *c, struct slice item, struct slice prefix,
                                 struct buf *out)
{
    size_t before = out->len;

    if (c->wants_msgpack) {
        copy_map(item, out, "_rtype", "id", prefix);
        return;
    }
    buf_clear(&c->scratch.b);
    copy_map(item, &c->scratch.b, "_rtype", "id", prefix);
    if (c->scratch.b.is_failed) {
        out->is_failed = true;
        return;
    }
    buf_add_byte(out, c->n_items ? ',' : '[');
    if (json_from_mp(buf_slice(&c->scratch.b), out) == JSON_OK)
        c->n_items++;
    else
        out->len = before;
}

/* Appends items until there are n_bytes, or there is no room for one (out has failed). False: none
 * is left. */
static bool add_items(struct caller *c, const struct http_request *req, size_t n_bytes,
                      struct buf *out)
{
    struct slice item;
    SCRATCH_BUF(prefix, 0);
    bool is_more = true;

    buf_add_slice(&prefix, http_request_param(req, "workspace"));
    buf_add_byte(&prefix, '/');
    while (!out->is_failed && out->len < n_bytes && (is_more = mp_iter_next(&c->items, &item)))
        api_listing_add_item(c, item, buf_slice(&prefix), out);
    return is_more;
}

static void add_end(const struct caller *c, struct buf *out)
{
    if (!c->wants_msgpack)
        buf_add_text(out, c->n_items ? "]" : "[]");
}

/* Writes pieces until the client has enough to read for now, or all are written. A listing that
 * cannot be written to its end is cut, so that it does not look whole. Nothing is put together for
 * whoever takes none of it. */
static void write_items(struct caller *c, struct http_request *req)
{
    size_t waiting = 0;
    bool is_more = true;
    struct buf piece;

    buf_init(&piece, 0);
    while (is_more && !piece.is_failed && waiting < WAITING_MOST && http_stream_is_taken(req)) {
        buf_clear(&piece);
        is_more = add_items(c, req, PIECE, &piece);
        if (!is_more)
            add_end(c, &piece);
        if (!piece.is_failed)
            waiting = http_stream_write(req, buf_slice(&piece));
    }
    bool is_failed = piece.is_failed;
    buf_deinit(&piece);
    if (!is_failed && is_more)
        return;
    if (is_failed)
        http_request_drop(req);
    else
        http_stream_end(req);
    caller_free(c);
}

static void api_listing_on_drained(struct http_request *req, void *caller)
{
    write_items(caller, req);
}

static void stream_items(struct caller *c, struct http_request *req, const char *type,
                         struct buf *begun)
{
    caller_watch_drained(c, req, api_listing_on_drained);
    http_stream_begin(req, 200, type, SLICE_LIT(""));
    if (req->method == HTTP_M_HEAD) {
        http_stream_end(req);
        caller_free(c);
        return;
    }
    (void)http_stream_write(req, buf_slice(begun));
    write_items(c, req);
}

/* The reply ends with this call, its items are read in later turns. False: there is no room for
 * them. */
static bool keep_items(struct caller *c, const struct rpc_reply *reply)
{
    struct slice items = reply->value;

    if (reply->msg) {
        c->listed = msg_ref(reply->msg);
    } else {
        buf_add_slice(&c->object.b, items);
        items = buf_slice(&c->object.b);
    }
    mp_iter_init(&c->items, items);
    return !c->object.b.is_failed;
}

static void on_services(struct caller *c, struct http_request *req, const struct rpc_reply *reply)
{
    const char *type = c->wants_msgpack ? "application/msgpack" : "application/json";
    SCRATCH_BUF(out, 0);

    if (!api_listing_resolved(c, req, reply))
        return;
    if (!keep_items(c, reply)) {
        caller_answer_no_room(c, req, c->object.b.account, "There is no room for the listing");
        return;
    }
    if (c->wants_msgpack)
        mp_add_array(&out, mp_count(reply->value));
    if (mp_count(reply->value) > STREAM_ABOVE || reply->value.len > STREAM_ABOVE_BYTES) {
        stream_items(c, req, type, &out);
    } else {
        (void)add_items(c, req, SIZE_MAX, &out);
        add_end(c, &out);
        if (out.is_failed) {
            caller_answer_no_room(c, req, c->scratch.b.account, "There is no room for the listing");
        } else {
            http_respond(req, 200, type, buf_slice(&out), SLICE_LIT(""));
            caller_free(c);
        }
    }
}

static void on_plain(struct caller *c, struct http_request *req, const struct rpc_reply *reply)
{
    SCRATCH_BUF(out, 0);

    if (!api_listing_resolved(c, req, reply))
        return;
    copy_map(reply->value, &out, "_rtype", NULL, SLICE_LIT(""));
    answer_value(c, req, buf_slice(&out), NULL);
}

static void api_listing_on_info(struct caller *c, struct http_request *req,
                                const struct rpc_reply *reply)
{
    SCRATCH_BUF(detail, 0);

    unsigned status =
        reply->outcome == RPC_REJECTED ? api_error_of_value(reply->value, false, &detail) : 0;
    bool is_stranger =
        user_permission(c->user, http_request_param(req, "workspace")) < PERMISSION_READ;
    if (status == 403 || (status == 404 && is_stranger))
        caller_answer_no_access(c, req, c->user);
    else
        on_plain(c, req, reply);
}

static void on_interface(struct caller *c, struct http_request *req, const struct rpc_reply *reply)
{
    SCRATCH_BUF(out, 0);

    if (!api_listing_resolved(c, req, reply))
        return;
    interface_describe(reply->value, &out);
    answer_value(c, req, buf_slice(&out), NULL);
}

static void ask_with_workspace(struct caller *c, const struct http_request *req, const char *method,
                               caller_then *then)
{
    struct slice workspace = http_request_param(req, "workspace");
    SCRATCH_BUF(args, 0);

    mp_add_array(&args, 1);
    mp_add_str(&args, workspace);
    caller_ask_manager(c, method, buf_slice(&args), then);
}

static void api_listing_list(struct caller *c, struct http_request *req)
{
    /* The manager lists nothing for a workspace that does not exist, which is not what a person
     * should be told. */
    if (!c->url_workspace_exists) {
        SCRATCH_BUF(detail, 0);
        buf_add_fmt(&detail, "'Workspace " SLICE_FMT " does not exist or is not accessible'",
                    SLICE_ARG(http_request_param(req, "workspace")));
        caller_answer_error(c, req, 404, buf_slice(&detail));
        return;
    }
    SCRATCH_BUF(args, 0);
    size_t offset, limit;
    if (!query_count(req, "offset", 0, &offset) || !query_count(req, "limit", INT32_MAX, &limit)) {
        caller_answer_error(c, req, 400,
                            SLICE_LIT("ValueError: offset and limit must be whole numbers"));
        return;
    }
    mp_add_array(&args, 6);
    mp_add_str(&args, http_request_param(req, "workspace"));
    for (int i = 0; i < 3; i++)
        mp_add_bool(&args, false);
    mp_add_int(&args, (int64_t)offset);
    mp_add_int(&args, (int64_t)limit);
    caller_ask_manager(c, "list_services", buf_slice(&args), on_services);
}

static void api_listing_info(struct caller *c, struct http_request *req)
{
    ask_with_workspace(c, req, "get_workspace_info", api_listing_on_info);
}

static void api_listing_one(struct caller *c, struct http_request *req)
{
    struct slice id = http_request_param(req, "service_id");
    SCRATCH_BUF(args, 0);

    api_service_args(req, http_request_param(req, "workspace"), id, &args);
    if (slice_is(id, "ws"))
        caller_ask_manager(c, "get_service", buf_slice(&args), on_interface);
    else
        caller_ask_manager(c, "get_service_info", buf_slice(&args), on_plain);
}

void api_on_services(struct http_request *req, void *arg)
{
    static const struct caller_endpoint endpoint = {.next = api_listing_list};

    caller_begin(arg, req, http_request_param(req, "workspace"), &endpoint);
}

void api_on_services_redirect(struct http_request *req, void *arg)
{
    struct location to;

    (void)arg;
    location_here(&to, req);
    location_add_path(&to, req->path);
    location_add_slash(&to);
    http_respond_redirect(req, 307, &to);
}

void api_on_service_info(struct http_request *req, void *arg)
{
    static const struct caller_endpoint endpoint = {.next = api_listing_one};

    caller_begin(arg, req, http_request_param(req, "workspace"), &endpoint);
}

void api_on_workspace_info(struct http_request *req, void *arg)
{
    static const struct caller_endpoint endpoint = {.next = api_listing_info,
                                                    .hides_absence = true};

    caller_begin(arg, req, http_request_param(req, "workspace"), &endpoint);
}
