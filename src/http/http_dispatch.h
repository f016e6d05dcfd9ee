/* http_dispatch: what becomes of a request once its head is known: a route, or an answer of our
 * own. Loop thread. */
#pragma once
#include "http/request.h"

enum http_verdict_kind {
    HTTP_SERVE, /* req->route is set */
    HTTP_ANSWER_NOT_FOUND,
    HTTP_ANSWER_NOT_ALLOWED, /* detail: methods there are */
    HTTP_ANSWER_LIMITED,     /* detail: seconds */
    HTTP_ANSWER_FULL,        /* no place: 503; detail: seconds */
    HTTP_ANSWER_OVER_SHARE,  /* its address holds its share: 429; detail: seconds */
    HTTP_ANSWER_TOO_LARGE,
    HTTP_ANSWER_PREFLIGHT,
    HTTP_ANSWER_BASE_PATH, /* redirect from P to P/ */
};

enum { HTTP_RETRY_FULL_S = 5 }; /* a place may be free again by then */

struct http_verdict {
    enum http_verdict_kind kind;
    unsigned detail;
};

/* Strips the base path, finds the route, asks the rate limit. */
struct http_verdict http_dispatch_judge(struct http_request *req, uint64_t body_bytes);
/* Gives a request to its handler, which may want its body first, or answers it: `req` may be gone
 * afterwards. */
void http_dispatch_run(struct http_request *req, struct http_verdict verdict);
