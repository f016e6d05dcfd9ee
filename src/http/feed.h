/* feed: from bytes to handlers: what a connection's socket has brought is parsed, and each request
 * goes where it belongs. The room's own. Loop thread of the connection. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct http_conn;

/* Parses and dispatches until the bytes are used up or the next request must wait; what is left is
 * held. The connection may be closed afterwards; one whose stream was taken is freed. */
void http_feed(struct http_conn *c, char *bytes, size_t n_bytes);
/* What is held, or what the socket has, may be taken again: after an answer, or when a body is read
 * on. */
void http_feed_resume(struct http_conn *c);
void http_feed_hold(struct http_conn *c, const char *bytes, size_t n_bytes);
/* the next byte belongs to a request */
bool http_feed_is_open(const struct http_conn *c);
/* 408, or just the end when none began */
void http_feed_refuse_slow(struct http_conn *c);
void http_feed_refuse_evicted(struct http_conn *c); /* 503 */
