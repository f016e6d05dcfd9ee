/* collect: a request goes to the handler of its route: at once when the route pulls the body, else
 * when the body is whole and unpacked. Loop thread. */
#pragma once
struct http_request;

/* Its head is complete, or all of it. The request may be gone afterwards. */
void http_collect(struct http_request *req);
