/* cors: cross-origin rules. Loop thread. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "http/request.h"

/* OPTIONS with Origin and Access-Control-Request-Method. */
bool http_cors_is_preflight(const struct http_request *req);
/* What such a request is answered with. False: no. */
MUST_CHECK bool http_cors_preflight(const struct http_request *req, struct buf *text,
                                    struct buf *extra);
/* Header lines for an ordinary answer. True: the answer depends on Origin and Vary must say so. */
bool http_cors_decorate(const struct http_request *req, struct buf *out);
