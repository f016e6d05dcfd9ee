/* login: from the first text frame to connection_info. (wire-protocol 1.3-1.7, 1.10) */
#pragma once
#include "base/slice.h"

struct peer;
struct peer_loop;

void login_first_message(struct peer *p, struct slice text);
void login_timed_out(struct peer *p);
/* A place for a login has become free: the next waiting upgrade gets it. */
void login_next(struct peer_loop *pl);
/* A reconnection token for this peer: caller frees; NULL when memory is exhausted. */
char *login_reconnection_token(const struct peer *p);
