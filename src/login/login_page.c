/* login_page: a document is its file with one meta element in its head. Scripts and styles come
 * from this server only, nothing inline, and whose frame may hold a page is the operator's list:
 * somebody else's page must not lay itself over the button that hands out a token. */
#include "login/login_page.h"

#include <string.h>

#include "config/config.h"
#include "http/http_conn.h"
#include "http/location.h"
#include "http/request.h"
#include "http/response.h"
#include "login/login_internal.h"
#include "login/mail.h"
#include "login/external_page.h"
#include "peer/hub.h"
#include "wire/json.h"

static const char APP[] = "/public/apps/hypha-login/";

static const struct login_file *find_file(struct slice name)
{
    for (size_t i = 0; i < login_n_files; i++) {
        if (slice_is(name, login_files[i].name))
            return &login_files[i];
    }
    return NULL;
}

/* ---- what the scripts are told ---- */

static void add_attribute(struct buf *b, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            buf_add_text(b, "&quot;");
        else if (text.ptr[i] == '&')
            buf_add_text(b, "&amp;");
        else if (text.ptr[i] == '<')
            buf_add_text(b, "&lt;");
        else
            buf_add_byte(b, (uint8_t)text.ptr[i]);
    }
}

static void add_json_pair(struct buf *b, const char *key, const char *value)
{
    buf_add_fmt(b, ",\"%s\":", key);
    json_add_text(b, slice_of(value ? value : ""));
}

/* "*" allows every origin to read answers; it is no place to be sent to. */
static bool is_place(const char *origin)
{
    return strcmp(origin, "*") != 0;
}

static void add_settings(struct buf *b, const struct config *c)
{
    bool is_first = true;

    buf_add_text(b, "{\"origins\":[");
    for (size_t i = 0; i < c->allow_origins.n_items; i++) {
        if (!is_place(c->allow_origins.items[i]))
            continue;
        if (!is_first)
            buf_add_byte(b, ',');
        is_first = false;
        json_add_text(b, slice_of(c->allow_origins.items[i]));
    }
    buf_add_fmt(b, "],\"sends_mail\":%s", mail_is_configured(c) ? "true" : "false");
    add_json_pair(b, "auth0_client_id", c->auth0_client_id);
    add_json_pair(b, "auth0_domain", c->auth0_domain);
    add_json_pair(b, "auth0_audience", c->auth0_audience);
    buf_add_byte(b, '}');
}

void page_text(const struct config *c, const char *name, struct buf *out)
{
    const struct login_file *file = find_file(slice_of(name));
    struct slice text = slice_make(file->bytes, file->n_bytes);
    const char *head_end = memmem(text.ptr, text.len, "</head>", 7);
    SCRATCH_BUF(settings, 0);

    ASSERT(head_end);
    add_settings(&settings, c);
    buf_add(out, text.ptr, (size_t)(head_end - text.ptr));
    buf_add_text(out, "<meta name=\"hypha-login\" content=\"");
    add_attribute(out, buf_slice(&settings));
    buf_add_text(out, "\">\n");
    buf_add_slice(out, slice_from(text, (size_t)(head_end - text.ptr)));
}

/* ---- answers ---- */

static void add_policy(struct buf *headers, const struct config *c)
{
    SCRATCH_BUF(policy, 0);

    buf_add_text(&policy,
                 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                 "connect-src 'self'; base-uri 'none'; form-action 'self'; "
                 "frame-ancestors 'self'");
    for (size_t i = 0; i < c->allow_origins.n_items; i++) {
        if (is_place(c->allow_origins.items[i]))
            buf_add_fmt(&policy, " %s", c->allow_origins.items[i]);
    }
    http_header_add(headers, "Content-Security-Policy", buf_slice(&policy));
}

static void login_page_respond(struct http_request *req, const char *type, struct slice body,
                               const char *caching)
{
    SCRATCH_BUF(headers, 0);

    add_policy(&headers, loop_config(req->loop));
    http_header_add(&headers, "X-Content-Type-Options", SLICE_LIT("nosniff"));
    http_header_add(&headers, "Referrer-Policy", SLICE_LIT("no-referrer"));
    http_header_add(&headers, "Cache-Control", slice_of(caching));
    http_respond(req, 200, type, body, buf_slice(&headers));
}

void page_respond(struct http_request *req, const char *name)
{
    SCRATCH_BUF(text, 0);

    page_text(loop_config(req->loop), name, &text);
    login_page_respond(req, find_file(slice_of(name))->type, buf_slice(&text), "no-store");
}

void page_on_file(struct http_request *req, void *arg)
{
    const struct login_file *file = find_file(http_request_param(req, "file"));

    (void)arg;
    if (!file || slice_ends(slice_of(file->name), ".html"))
        http_respond_error(req, 404, HTTP_F2, SLICE_LIT("Not Found"));
    else
        login_page_respond(req, file->type, slice_make(file->bytes, file->n_bytes), "no-cache");
}

static void login_page_redirect(struct http_request *req, unsigned status, bool with_query)
{
    struct location to;

    location_here(&to, req);
    location_add_path(&to, slice_of(APP));
    location_add_slash(&to);
    if (with_query)
        location_add_query(&to, req->query);
    http_respond_redirect(req, status, &to);
}

void page_on_login(struct http_request *req, void *arg)
{
    (void)arg;
    login_page_redirect(req, 307, false);
}

void page_on_bare(struct http_request *req, void *arg)
{
    (void)arg;
    login_page_redirect(req, 307, true);
}

static const char *document_of(const struct login *l)
{
    return l->variant->is_local ? "local.html" : "login.html";
}

/* Whether the page is somebody else's; then it is answered. */
static bool login_page_yields(struct login *l, struct http_request *req)
{
    if (!atomic_load_explicit(&l->is_yielding, memory_order_acquire))
        return false;
    page_other(l, req);
    return true;
}

void page_on_page(struct http_request *req, void *arg)
{
    if (!login_page_yields(arg, req))
        page_respond(req, document_of(arg));
}

/* Everything that is no page of ours. */
void page_on_other(struct http_request *req, void *arg)
{
    if (!login_page_yields(arg, req))
        http_respond_error(req, 404, HTTP_F3, SLICE_LIT("Function not found"));
}

void page_on_profile(struct http_request *req, void *arg)
{
    struct login *l = arg;
    SCRATCH_BUF(headers, 0);
    SCRATCH_BUF(url, 0);

    if (login_page_yields(l, req))
        return;
    if (l->variant->is_local) {
        page_respond(req, "profile.html");
        return;
    }
    buf_add_fmt(&url, "%s/public/apps/hypha-login", l->hub->info->public_base_url);
    http_header_add(&headers, "Location", buf_slice(&url));
    http_respond(req, 302, "text/plain; charset=utf-8", SLICE_LIT("Redirecting to login page"),
                 buf_slice(&headers));
}

void login_page_text(const struct login *l, struct buf *out)
{
    page_text(loop_config(l->hub->loop), document_of(l), out);
}
