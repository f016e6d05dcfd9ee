#include "http/location.h"

#include "http/http_conn.h"
#include "http/request.h"
#include "wire/url.h"

void location_here(struct location *l, const struct http_request *req)
{
    buf_init(&l->text, 0);
    buf_add_text(&l->text, req->site->base_path ? req->site->base_path : "");
}

/* Name or address and port; anything else is encoded, so that it cannot end the host. */
void location_there(struct location *l, const char *host)
{
    buf_init(&l->text, 0);
    buf_add_text(&l->text, "https://");
    for (const char *at = host; *at; at++) {
        if (*at == ':' || *at == '[' || *at == ']')
            buf_add_byte(&l->text, (uint8_t)*at);
        else
            url_encode(slice_make(at, 1), &l->text);
    }
}

void location_add_path(struct location *l, struct slice path)
{
    struct slice part, rest = path;

    while (rest.len) {
        if (!slice_cut(rest, '/', &part, &rest)) {
            part = rest;
            rest.len = 0;
        }
        if (!part.len || slice_is(part, ".") || slice_is(part, ".."))
            continue;
        buf_add_byte(&l->text, '/');
        url_encode(part, &l->text);
    }
}

void location_add_slash(struct location *l)
{
    buf_add_byte(&l->text, '/');
}

void location_add_query(struct location *l, struct slice query)
{
    struct slice name, value;
    SCRATCH_BUF(decoded, 0);
    char between = '?';

    while (url_next_pair(&query, &name, &value)) {
        buf_add_byte(&l->text, (uint8_t)between);
        buf_clear(&decoded);
        url_decode(name, true, &decoded);
        url_encode(buf_slice(&decoded), &l->text);
        buf_add_byte(&l->text, '=');
        buf_clear(&decoded);
        url_decode(value, true, &decoded);
        url_encode(buf_slice(&decoded), &l->text);
        between = '&';
    }
    if (decoded.is_failed)
        l->text.is_failed = true;
}
