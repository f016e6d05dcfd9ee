/* fetch_once: one HTTP(S) request for a command of the command line, which has no loop and may
 * wait. Blocks; not for a server. The rules of net/fetch.h hold: certificates are verified, no
 * proxy of the environment, redirects are answers. */
#pragma once
#include "base/buf.h"
#include "net/fetch.h"

enum { FETCH_ONCE_TEXT_MAX = 256 };

struct fetch_once {
    enum fetch_outcome outcome;
    unsigned status; /* 0 = no answer came */
    struct buf body; /* owned by the caller, to be deinited whatever the outcome is */
    char text[FETCH_ONCE_TEXT_MAX]; /* what went wrong; "" when nothing did */
};
/* Uses url, headers, body, deadline_ms, max_bytes and ca_file of the request. Any thread. */
void fetch_once(const struct fetch_request *request, struct fetch_once *ret);
