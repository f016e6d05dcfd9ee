/* peer_log: the lines of log_events.def that tell of one peer. Loop thread of the peer. */
#pragma once
#include "base/slice.h"

struct peer;

/* Whom it asked to be; empty = not said yet. */
struct peer_claim {
    struct slice client, workspace, user;
};

void peer_log_connected(const struct peer *p);
void peer_log_refused(const struct peer *p, const struct peer_claim *claim, const char *rule,
                      struct slice reason);
/* The end of any peer that was not refused. */
void peer_log_end(const struct peer *p, struct slice reason);
void peer_log_slow(const struct peer *p, size_t waiting_bytes);
