/* body: a request's body on its way from the connection to whoever reads it.
 *
 *   COMING --its last byte--> WHOLE
 *   COMING --too large, too slow, malformed, no room--> BROKEN
 *
 * A route that pulls (HTTP_ROUTE_PULLED) has its request as soon as the head is complete. It parks
 * it and hears on_body; it peeks and reads when it wants. What it leaves is held for it, at its
 * client's charge, up to HTTP_BODY_WINDOW; then the socket is not read, and nobody is timed
 * meanwhile. gzip is unpacked as it is pulled. An answer may be sent at any moment; one before the
 * end of the body closes the connection. For other routes the body is collected first, by one
 * reader (collect.c).
 *
 * A client that hangs up is told by on_gone, as ever; a body that breaks off otherwise by on_body,
 * once. Loop thread of the request. */
#pragma once
#include "http/request.h"

enum { HTTP_BODY_WINDOW = 256 * 1024 };

/* What has come and is not read, unpacked; gone with the next call here, or when the caller returns
 * to the loop. COMING with nothing: on_body will tell. WHOLE: no more follows these bytes. */
enum http_body_state http_body_peek(struct http_request *req, struct slice *ret);
/* so many of them are done with */
void http_body_read(struct http_request *req, size_t n_bytes);
/* Ends a request whose body is BROKEN: with the answer that says why, or, when an answer has begun,
 * by cutting it. */
void http_body_refuse(struct http_request *req);

/* The room's own. */
/* who has been charged in vain; 503 */
void http_body_refuse_for_room(struct http_request *req, const struct account *payer);
size_t http_body_cap(const struct http_request *req); /* of who asks, unpacked */
/* what may come of a gzip body of which so much has come */
size_t http_body_plain_cap(const struct http_request *req);
/* 413, with the sentence. rule: for the log; NULL: the cap of the request's body. */
void http_body_too_large(struct http_request *req, const char *rule);
/* From here on the request's owner pulls. Its head is complete. False: there is no room; the body
 * is BROKEN. */
MUST_CHECK bool http_body_pull(struct http_request *req);
/* as gzip, which its route wants unpacked */
bool http_body_is_packed(const struct http_request *req);
/* so much is unread that no more is to come */
bool http_body_is_full(const struct http_request *req);
void http_body_come(struct http_request *req); /* some has: tells on_body */
/* All has, or (fault) no more will: tells on_body. The request may be gone afterwards. */
void http_body_end(struct http_request *req, enum http_body_fault fault);
