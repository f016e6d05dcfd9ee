/* inflate: request bodies that came as gzip (http.md 1.6). Loop thread. */
#pragma once
#include "http/request.h"

/* Inflates the body where it has to be, as far as who asks may, then calls `then`: at once, or in a
 * later turn when a worker did it. When the body is corrupt or too large, or no worker can take it,
 * the request is answered instead. */
void http_inflate_then(struct http_request *req, void (*then)(struct http_request *req));
