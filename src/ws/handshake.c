/* handshake: checks what RFC 6455 4.2.1 asks of a client, and nothing else: there is no origin
 * rule. */
#include "ws/handshake.h"

#include <stdio.h>

#include "base/buf.h"
#include "http/http_conn.h"
#include "http/request.h"
#include "http/response.h"
#include "net/stream.h"
#include "wire/digest.h"
#include "wire/ws_frame.h"

/* Whether a comma list holds a token (RFC 9110 5.6.1), any case. */
static bool list_has(struct slice list, const char *token)
{
    struct slice item, rest;

    while (slice_cut(list, ',', &item, &rest)) {
        if (slice_is_nocase(slice_trim(item), token))
            return true;
        list = rest;
    }
    return slice_is_nocase(slice_trim(list), token);
}

static bool key_is_valid(struct slice key)
{
    SCRATCH_BUF(raw, 64);

    return key.len == 24 && base64_decode(key, &raw) && raw.len == 16;
}

static void refuse_version(struct http_request *req)
{
    SCRATCH_BUF(extra, 0);

    http_header_add(&extra, "Upgrade", SLICE_LIT("websocket"));
    http_header_add(&extra, "Sec-WebSocket-Version", SLICE_LIT("13"));
    http_respond(req, 426, "text/plain; charset=utf-8",
                 SLICE_LIT("WebSocket version 13 is spoken here"), buf_slice(&extra));
}

struct stream *ws_handshake(struct http_request *req, struct slice *ret_leftover)
{
    struct slice connection, version, key;
    char accept[WS_ACCEPT_LEN + 1], head[160];

    if (!http_request_header(req, "Sec-WebSocket-Version", &version) || !slice_is(version, "13")) {
        refuse_version(req);
        return NULL;
    }
    if (req->method != HTTP_M_GET || !http_request_header(req, "Connection", &connection) ||
        !list_has(connection, "upgrade") || !http_request_header(req, "Sec-WebSocket-Key", &key) ||
        !key_is_valid(key)) {
        http_respond_text(req, 400, "Not a WebSocket handshake (RFC 6455 4.2.1)");
        return NULL;
    }
    ws_accept_key(key, accept);
    struct stream *stream = http_upgrade_take(req, ret_leftover);
    int n =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    if (!stream_send_bytes(stream, slice_make(head, (size_t)n), stream->loop->own)) {
        stream_close(stream);
        return NULL;
    }
    loop_count(stream->loop, METRIC_WS_UPGRADES, 1);
    return stream;
}
