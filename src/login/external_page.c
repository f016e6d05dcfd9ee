/* external_page: while a client offers the login service, its pages are that client's too: the
 * functions of its service answer them, as those of any service of type `functions` would. Loop of
 * the request. */
#include <ctype.h>
#include <string.h>

#include "api/caller.h"
#include "api/interface.h"
#include "auth/user_mp.h"
#include "base/memory.h"
#include "http/request.h"
#include "http/response.h"
#include "login/login_internal.h"
#include "login/login_page.h"
#include "login/external_page.h"
#include "wire/mp.h"

enum { APP_LEN = sizeof("/public/apps/hypha-login") - 1 };

static struct slice strip_slashes(struct slice path)
{
    while (path.len && path.ptr[0] == '/')
        path = slice_from(path, 1);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

static void external_page_fail(struct caller *c, struct http_request *req, const char *text,
                               struct slice detail, unsigned status)
{
    SCRATCH_BUF(b, 0);

    buf_add_text(&b, text);
    buf_add_slice(&b, detail);
    http_respond_error(req, status, HTTP_F3, buf_slice(&b));
    caller_free(c);
}

/* ---- the event ---- */

static void external_page_add_text(struct mp_open *map, const char *key, struct slice text)
{
    mp_key(map, key);
    mp_add_str(map->buf, text);
}

static void external_page_add_headers(struct buf *b, const struct http_request *req)
{
    struct slice name, value;
    SCRATCH_BUF(lower, 0);

    mp_add_map(b, (uint32_t)req->n_headers);
    for (size_t i = 0; i < req->n_headers; i++) {
        http_request_header_at(req, i, &name, &value);
        buf_clear(&lower);
        for (size_t at = 0; at < name.len; at++)
            buf_add_byte(&lower, (uint8_t)tolower((unsigned char)name.ptr[at]));
        mp_add_str(b, buf_slice(&lower));
        mp_add_str(b, value);
    }
}

/* One argument in an array. function_path: empty unless the function is the service's default. */
static void add_event(struct buf *b, const struct caller *c, struct http_request *req,
                      struct slice function_path)
{
    static const char *const methods[] = {"GET", "HEAD", "POST"};
    struct slice path = slice_from(req->path, APP_LEN);
    struct mp_open map;

    mp_add_array(b, 1);
    mp_open_map(&map, b);
    external_page_add_text(&map, "type", SLICE_LIT("http"));
    external_page_add_text(&map, "http_version", SLICE_LIT("1.1"));
    external_page_add_text(&map, "scheme",
                           http_request_is_https(req) ? SLICE_LIT("https") : SLICE_LIT("http"));
    external_page_add_text(
        &map, "method",
        slice_of(methods[req->method == HTTP_M_POST ? 2 : req->method == HTTP_M_HEAD]));
    external_page_add_text(&map, "root_path", SLICE_LIT(""));
    external_page_add_text(&map, "path", path.len ? path : SLICE_LIT("/"));
    external_page_add_text(&map, "raw_path", path.len ? path : SLICE_LIT("/"));
    external_page_add_text(&map, "query_string", req->query);
    mp_key(&map, "headers");
    external_page_add_headers(b, req);
    external_page_add_text(&map, "workspace", SLICE_LIT("public"));
    external_page_add_text(&map, "service_id", SLICE_LIT("hypha-login"));
    mp_key(&map, "body");
    if (req->body.len)
        mp_add_bin(b, req->body);
    else
        mp_add_nil(b);
    mp_key(&map, "user");
    user_add_mp(b, c->user, true);
    if (function_path.len)
        external_page_add_text(&map, "function_path", function_path);
    mp_close(&map);
}

/* ---- the answer ---- */

/* What frames the answer is ours to say. */
static bool external_page_is_ours(struct slice name)
{
    return slice_is_nocase(name, "content-length") || slice_is_nocase(name, "connection") ||
           slice_is_nocase(name, "transfer-encoding");
}

static void copy_headers(struct buf *extra, struct slice headers)
{
    struct slice key, value, name, text;
    struct mp_iter it;
    struct buf line;

    mp_iter_init(&it, headers);
    while (mp_iter_pair(&it, &key, &value)) {
        if (!mp_get_str(key, &name) || !mp_get_str(value, &text) || external_page_is_ours(name))
            continue;
        buf_init(&line, 0);
        buf_add_slice(&line, name);
        char *header = buf_take(&line);
        if (header && !strpbrk(header, ": \t\r\n"))
            http_header_add(extra, header, text);
        mem_free(header);
    }
}

static void external_page_on_result(struct caller *c, struct http_request *req,
                                    const struct rpc_reply *reply)
{
    struct slice value, headers = {NULL, 0}, body = {NULL, 0};
    int64_t status = 200;
    SCRATCH_BUF(extra, 0);

    if (reply->outcome != RPC_RESOLVED) {
        caller_answer_reply(c, req, reply);
        return;
    }
    bool is_good = mp_is(reply->value, MP_MAP) &&
                   (!mp_find(reply->value, "status", &value) || mp_get_int(value, &status));
    if (!is_good || status < 200 || status > 599) {
        external_page_fail(c, req, "Internal Server Error: the function gave no answer",
                           SLICE_LIT(""), 500);
        return;
    }
    (void)mp_find(reply->value, "headers", &headers);
    if (mp_find(reply->value, "body", &value) && !mp_get_str(value, &body))
        (void)mp_get_bin(value, &body);
    copy_headers(&extra, headers);
    http_respond(req, (unsigned)status, NULL, body, buf_slice(&extra));
    caller_free(c);
}

/* ---- the function ---- */

/* `a/b` is the member b of the map a. *ret_path: what a default function is told. */
static bool find_function(struct slice object, struct slice path, struct slice *ret_ref,
                          struct buf *ret_path)
{
    struct buf dotted;

    buf_init(&dotted, 0);
    for (size_t i = 0; i < path.len; i++)
        buf_add_byte(&dotted, path.ptr[i] == '/' ? '.' : (uint8_t)path.ptr[i]);
    bool is_found =
        interface_find(object, buf_slice(&dotted), ret_ref) && interface_is_function(*ret_ref);
    if (!is_found && slice_has_byte(path, '/')) {
        buf_add_text(&dotted, ".index");
        is_found =
            interface_find(object, buf_slice(&dotted), ret_ref) && interface_is_function(*ret_ref);
    }
    buf_deinit(&dotted);
    if (is_found)
        return true;
    buf_add_byte(ret_path, '/');
    if (!slice_is(path, "index"))
        buf_add_slice(ret_path, path);
    return interface_find(object, SLICE_LIT("default"), ret_ref) && interface_is_function(*ret_ref);
}

static void external_page_on_service(struct caller *c, struct http_request *req,
                                     const struct rpc_reply *reply)
{
    struct rpc_request request;
    SCRATCH_BUF(function_path, 0);
    SCRATCH_BUF(event, 0);
    struct slice ref;

    if (reply->outcome != RPC_RESOLVED) {
        caller_answer_reply(c, req, reply);
        return;
    }
    struct slice path = strip_slashes(slice_from(req->path, APP_LEN));
    if (!path.len)
        path = SLICE_LIT("index");
    if (!find_function(reply->value, path, &ref, &function_path) ||
        !rpc_request_from_ref(ref, SLICE_LIT("public"), &c->scratch.b, &request)) {
        external_page_fail(c, req, "Function not found: ", path, 404);
    } else if (request.promise == RPC_PROMISE_NONE) {
        external_page_fail(c, req, "Internal Server Error: the function gives no answer",
                           SLICE_LIT(""), 500);
    } else {
        add_event(&event, c, req, buf_slice(&function_path));
        request.args = buf_slice(&event);
        caller_request(c, &request, external_page_on_result);
    }
}

static void external_page_ask_service(struct caller *c, struct http_request *req)
{
    SCRATCH_BUF(args, 0);

    (void)req;
    mp_add_array(&args, 1);
    mp_add_text(&args, "public/hypha-login");
    caller_ask_manager(c, "get_service", buf_slice(&args), external_page_on_service);
}

void page_other(struct login *l, struct http_request *req)
{
    static const struct caller_endpoint endpoint = {.next = external_page_ask_service};

    caller_begin(l->api, req, SLICE_LIT("public"), &endpoint);
}
