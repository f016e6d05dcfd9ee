/* request: one block of head bytes and offsets into it. Lookups walk the headers: there are a
 * hundred at most, and a handler asks for few. A request is freed when it is ended, by its handler
 * or with its connection; parked ones stand in the slots of their http_loop meanwhile. Loop
 * thread. */
#include "http/request.h"

#include <string.h>

#include "base/account.h"
#include "base/blob.h"
#include "base/held.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/conn_state.h"
#include "http/gzip.h"
#include "http/payers.h"
#include "http/sender.h"
#include "loop/loop.h"
#include "net/shares.h"
#include "net/stream.h"
#include "wire/digest.h"
#include "wire/ip.h"
#include "wire/url.h"

struct http_request *http_request_new(struct account *account)
{
    /* one of a connection, whose account keeps it */
    struct http_request *req = MEM_NEW(struct http_request);

    req->account = account_ref(account);
    held_buf_init(&req->head, 0, account);
    held_buf_init(&req->path_text, 0, account);
    held_buf_init(&req->body_bytes, 0, account);
    held_buf_init(&req->token, 0, account);
    return req;
}

/* ---- tickets ---- */

struct http_ticket http_request_park(struct http_request *req, const struct http_watch *watch)
{
    LOOP_ASSERT(req->loop);
    struct http_loop *hl = req->conn->hl;

    if (!req->parked.generation)
        req->parked = slots_put(&hl->parked, req);
    req->watch = *watch;
    return (struct http_ticket){hl, req->parked};
}

struct http_request *http_request_resume(struct http_ticket ticket)
{
    if (!ticket.http)
        return NULL;
    LOOP_ASSERT(ticket.http->loop);
    return slots_find(&ticket.http->parked, ticket.handle);
}

void http_request_unpark(struct http_request *req)
{
    if (!req->parked.generation)
        return;
    slots_remove(&req->conn->hl->parked, req->parked);
    req->parked = (struct handle){0};
}

/* ---- the body ---- */

struct http_body http_request_take_body(struct http_request *req)
{
    struct http_body body = {req->body_bytes};

    held_buf_init(&req->body_bytes, 0, req->account);
    req->body = (struct slice){NULL, 0};
    return body;
}

struct slice http_body_slice(const struct http_body *body)
{
    return buf_slice(&body->bytes.b);
}

struct blob *http_body_take(struct http_body *body, struct account *account)
{
    return blob_try_take_over(&body->bytes.b, account);
}

void http_body_deinit(struct http_body *body)
{
    held_buf_deinit(&body->bytes);
}

/* ---- life ---- */

void http_request_end(struct http_request *req)
{
    ASSERT(!req->parked.generation);
    if (req->site && req->site->on_done)
        req->site->on_done(req, req->site->arg);
    if (req->asker)
        req->asker->free(req->asker);
    held_buf_deinit(&req->head);
    held_buf_deinit(&req->path_text);
    held_buf_deinit(&req->body_bytes);
    held_buf_deinit(&req->plain);
    http_gunzip_free(req->gunzip);
    held_buf_deinit(&req->token);
    held_buf_deinit(&req->refused_user);
    held_free(req->headers);
    account_unref(req->account);
    http_payer_leave(req->payer);
    mem_free(req);
}

bool http_request_settle(struct http_request *req, struct slice target)
{
    struct slice path;

    url_split_target(target, &path, &req->query);
    url_decode(path, false, &req->path_text.b);
    req->path = buf_slice(&req->path_text.b);
    return !req->path_text.b.is_failed;
}

int http_request_add_body(struct http_request *req, struct slice bytes)
{
    buf_add_slice(&req->body_bytes.b, bytes);
    if (!req->is_pulled)
        req->body = buf_slice(&req->body_bytes.b);
    if (!req->is_length_told)
        req->n_body_bytes += bytes.len;
    return req->body_bytes.b.is_failed ? HTTP_BODY_NO_MEMORY : HTTP_BODY_OK;
}

static void request_move(struct http_request *req, struct account *payer)
{
    account_unref(req->account);
    req->account = account_new_leaf(payer, ACCOUNT_CONNECTION, 0);
    held_buf_deinit(&req->body_bytes);
    held_buf_init(&req->body_bytes, 0, req->account);
}

void http_request_pay(struct http_request *req)
{
    struct http_payers *payers = req->site->payers;
    unsigned flags = req->route ? req->route->flags : 0;
    struct in6_addr address = req->conn->peer;
    bool is_named = http_request_named_client(req, &address);

    if (!payers || (!is_named && seat_is_spare(req->conn->stream->seat)))
        return;
    if (flags & HTTP_ROUTE_RESERVED) {
        request_move(req, http_payers_door(payers));
        return;
    }
    if (!is_named && (flags & HTTP_ROUTE_UPGRADE || !(req->is_verified || req->conn->is_at_door)))
        return;
    req->payer = http_payer_take(payers, &address,
                                 req->is_verified ? HTTP_PAYER_KNOWN : HTTP_PAYER_STRANGERS);
    request_move(req, flags & HTTP_ROUTE_UPGRADE ? http_payer_account_for_little(payers, req->payer)
                                                 : http_payer_account(payers, req->payer));
}

void http_request_replace_body(struct http_request *req, struct held_buf *body)
{
    held_buf_deinit(&req->body_bytes);
    req->body_bytes = *body;
    buf_trim(&req->body_bytes.b);
    held_buf_init(body, 0, req->account);
    req->body = buf_slice(&req->body_bytes.b);
}

void http_request_header_at(const struct http_request *req, size_t i, struct slice *ret_name,
                            struct slice *ret_value)
{
    const struct http_header_at *h = &req->headers[i];

    *ret_name = (struct slice){req->head.b.ptr + h->name_at, h->name_len};
    *ret_value = slice_trim((struct slice){req->head.b.ptr + h->value_at, h->value_len});
}

bool http_request_header(const struct http_request *req, const char *name, struct slice *ret_value)
{
    for (size_t i = 0; i < req->n_headers; i++) {
        struct slice found, value;
        http_request_header_at(req, i, &found, &value);
        if (slice_is_nocase(found, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

struct slice http_request_param(const struct http_request *req, const char *name)
{
    size_t i = 0, len = strlen(name);

    for (const char *at = req->route ? strchr(req->route->pattern, '{') : NULL; at;
         at = strchr(at, '{'), i++) {
        at++;
        if (strncmp(at, name, len) == 0 && (at[len] == '}' || at[len] == ':'))
            return req->params[i];
    }
    return (struct slice){NULL, 0};
}

/* A browser sends cookies along whatever page has made it send the request. */
bool http_request_cookies_count(const struct http_request *req)
{
    switch (http_sender_of(req)) {
    case HTTP_SENT_FROM_HERE:
        return true;
    case HTTP_SENT_BY_LINK:
        return req->route && !(req->route->flags & HTTP_ROUTE_ACTS);
    default:
        return false;
    }
}

struct http_cookies http_request_cookies(const struct http_request *req)
{
    return (struct http_cookies){.i = http_request_cookies_count(req) ? 0 : req->n_headers};
}

bool http_cookie_next(const struct http_request *req, struct http_cookies *at,
                      struct slice *ret_name, struct slice *ret_value)
{
    struct slice piece, found;

    for (;;) {
        while (at->rest.len) {
            if (!slice_cut(at->rest, ';', &piece, &at->rest)) {
                piece = at->rest;
                at->rest.len = 0;
            }
            if (slice_cut(piece, '=', ret_name, ret_value)) {
                *ret_name = slice_trim(*ret_name);
                *ret_value = slice_trim(*ret_value);
                return true;
            }
        }
        if (at->i == req->n_headers)
            return false;
        http_request_header_at(req, at->i++, &found, &piece);
        if (slice_is_nocase(found, "cookie"))
            at->rest = piece;
    }
}

static bool basic_password(struct http_request *req, struct slice encoded, struct slice *ret_token)
{
    struct slice user, password;

    buf_clear(&req->token.b);
    if (!base64_decode(encoded, &req->token.b) ||
        !slice_cut(buf_slice(&req->token.b), ':', &user, &password))
        return false;
    *ret_token = password;
    return password.len > 0;
}

enum { PLACE_ABSENT, PLACE_UNREADABLE, PLACE_TOKEN };

/* A header that holds a token in any of the forms of Authorization. */
static int token_in_header(struct http_request *req, const char *name, struct slice *ret_token)
{
    struct slice value, scheme, rest;

    if (!http_request_header(req, name, &value) || !value.len)
        return PLACE_ABSENT;
    *ret_token = value;
    if (!slice_cut(value, ' ', &scheme, &rest))
        return PLACE_TOKEN;
    if (slice_is_nocase(scheme, "bearer"))
        *ret_token = slice_trim(rest);
    else if (slice_is_nocase(scheme, "basic"))
        return basic_password(req, slice_trim(rest), ret_token) ? PLACE_TOKEN : PLACE_UNREADABLE;
    return PLACE_TOKEN;
}

static bool token_in_cookie(struct http_request *req, const char *name, struct slice *ret)
{
    struct http_cookies at = {0}; /* whether they count is asked of the one that is meant */
    struct slice found;

    while (http_cookie_next(req, &at, &found, ret)) {
        if (!slice_is(found, name))
            continue;
        if (!ret->len)
            return false;
        req->has_foreign_cookie = !http_request_cookies_count(req);
        return !req->has_foreign_cookie;
    }
    return false;
}

/* The places an operator has named; what they yield nothing in leaves the usual ones (D-25). */
static bool token_elsewhere(struct http_request *req, struct slice *ret_token)
{
    const struct config *c = req->loop ? loop_config(req->loop) : NULL;

    for (size_t i = 0; c && i < c->auth_token_headers.n_items; i++) {
        if (token_in_header(req, c->auth_token_headers.items[i], ret_token) == PLACE_TOKEN)
            return true;
    }
    if (c && c->enable_local_auth && token_in_header(req, "X-Local-Auth", ret_token) == PLACE_TOKEN)
        return true;
    for (size_t i = 0; c && i < c->auth_token_cookies.n_items; i++) {
        if (token_in_cookie(req, c->auth_token_cookies.items[i], ret_token))
            return true;
    }
    return c && c->enable_local_auth && token_in_cookie(req, "hypha_local_token", ret_token);
}

static bool find_token(struct http_request *req, struct slice *ret_token)
{
    if (token_elsewhere(req, ret_token))
        return true;
    int r = token_in_header(req, "authorization", ret_token);
    /* A header that means somebody is not passed over for a cookie that means somebody else. */
    if (r != PLACE_ABSENT)
        return r == PLACE_TOKEN;
    return token_in_cookie(req, "access_token", ret_token);
}

void http_request_note_user(struct http_request *req, const char *user_id)
{
    held_buf_deinit(&req->refused_user);
    held_buf_init(&req->refused_user, 0, req->account);
    held_buf_set(&req->refused_user, slice_of(user_id));
}

bool http_request_token(struct http_request *req, struct slice *ret_token)
{
    bool is_found = find_token(req, ret_token);

    if (is_found)
        req->has_foreign_cookie = false;
    return is_found;
}

bool http_site_trusts(const struct http_site *site, const struct in6_addr *address)
{
    const struct config_cidrs *trusted = site ? site->trusted : NULL;

    for (size_t i = 0; trusted && i < trusted->n_items; i++)
        if (ip_is_within(address, &trusted->items[i].address, trusted->items[i].n_bits))
            return true;
    return false;
}

/* Of a request that came by no connection: not known. */
static struct in6_addr peer_of(const struct http_request *req)
{
    return req->conn ? req->conn->peer : (struct in6_addr){0};
}

static bool peer_is_trusted(const struct http_request *req)
{
    struct in6_addr peer = peer_of(req);

    return ip_is_known(&peer) && http_site_trusts(req->site, &peer);
}

/* The last element of the last line: the one the trusted proxy itself wrote. Empty: there is
 * none. */
static struct slice request_forwarded(const struct http_request *req, const char *header)
{
    struct slice last = {NULL, 0}, piece;

    for (size_t i = 0; i < req->n_headers; i++) {
        struct slice name, value;
        http_request_header_at(req, i, &name, &value);
        if (slice_is_nocase(name, header))
            last = value;
    }
    while (slice_cut(last, ',', &piece, &last))
        ;
    return slice_trim(last);
}

static bool forwarded_for(const struct http_request *req, char out[HTTP_CLIENT_MAX])
{
    struct slice last = request_forwarded(req, "x-forwarded-for");
    struct in6_addr address;
    char text[HTTP_CLIENT_MAX];

    if (!last.len || last.len >= HTTP_CLIENT_MAX)
        return false;
    memcpy(text, last.ptr, last.len);
    text[last.len] = '\0';
    if (!ip_parse(text, &address))
        return false;
    memcpy(out, text, last.len + 1);
    return true;
}

const char *http_request_client(struct http_request *req)
{
    struct in6_addr peer = peer_of(req);

    if (!req->client[0] && ip_is_known(&peer) &&
        !(peer_is_trusted(req) && forwarded_for(req, req->client)))
        ip_print(&peer, req->client);
    return req->client;
}

void http_request_network(struct http_request *req, char out[HTTP_CLIENT_MAX])
{
    const char *client = http_request_client(req);
    struct in6_addr address;

    if (ip_parse(client, &address))
        ip_network_print(&address, out);
    else
        memcpy(out, req->client, sizeof(req->client));
}

bool http_request_named_client(const struct http_request *req, struct in6_addr *ret)
{
    char client[HTTP_CLIENT_MAX];

    return peer_is_trusted(req) && forwarded_for(req, client) && ip_parse(client, ret) &&
           !http_site_trusts(req->site, ret);
}

bool http_request_is_https(const struct http_request *req)
{
    struct slice scheme = request_forwarded(req, "x-forwarded-proto");

    return scheme.len && peer_is_trusted(req) &&
           (slice_is_nocase(scheme, "https") || slice_is_nocase(scheme, "wss"));
}
