/* admit: what a connection tells its seat (net/shares.h), what a request without a place hears, and
 * how fast bytes must come and go. The room's own. Loop thread of the connection. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "net/shares.h"

struct http_conn;
struct http_request;

/* Since when bytes are counted; at_ms 0: nobody waits for any. */
struct http_pace {
    uint64_t at_ms, at_bytes;
};

/* After the connection's state may have changed. */
void http_admit_tell(const struct http_conn *c);
enum seat_use http_admit_use(const struct http_conn *c); /* what its seat is told */
enum { HTTP_ADMIT_OK, HTTP_ADMIT_FULL, HTTP_ADMIT_OVER };
/* A request that wants more than health. FULL: all places are taken; OVER: its client has its
 * share. */
MUST_CHECK int http_admit_ask(struct http_request *req);

/* Bytes of a body are waited for (is_in), or waiting to be taken: counted from here on. Starts the
 * connection's timer. */
void http_pace_start(struct http_conn *c, bool is_in);
/* That timer is due. True: they move fast enough, and it runs again. */
MUST_CHECK bool http_pace_holds(struct http_conn *c, bool is_in);
