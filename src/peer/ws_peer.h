/* ws_peer: a peer behind a WebSocket. Loop of the connection. */
#pragma once
#include "base/slice.h"

struct account;
struct in6_addr;
struct peer_loop;
struct stream;

/* Takes over a stream whose 101 has been queued, and reads on from what had arrived behind the
 * request head. client: its address, all zero when not known. payer: the account of that
 * address. */
void ws_peer_open(struct peer_loop *pl, struct stream *stream, const struct in6_addr *client,
                  struct account *payer, struct slice leftover);
/* The same for a client that is refused in any case. */
void ws_peer_reject_legacy(struct peer_loop *pl, struct stream *stream,
                           const struct in6_addr *client, struct account *payer);
