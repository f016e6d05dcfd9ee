/* handshake: the server's side of the upgrade (RFC 6455 4.2). No subprotocol, no extension is
 * selected. */
#pragma once
#include "base/slice.h"

struct http_request;
struct stream;

/* Answers 101 and takes the stream, or answers 400 / 426 and returns NULL: either way the request
 * has ended. *ret_leftover holds until the caller returns to the loop. */
struct stream *ws_handshake(struct http_request *req, struct slice *ret_leftover);
