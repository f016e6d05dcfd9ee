/* pressure: when a peer's own messages wait elsewhere, or come faster than allowed, its connection
 * is not read for a while; TCP does the rest. */
#pragma once
#include <stdbool.h>

struct peer;
struct peer_loop;

void pressure_init(struct peer_loop *pl);
void pressure_start(struct peer *p); /* a new peer, with a full bucket */
/* before what it sends may be charged without pressure_check() */
void pressure_draw(struct peer *p);
/* after a message was sent on: holds the peer when too much is undelivered */
void pressure_check(struct peer *p);
/* Takes one message from the rate's bucket. False: the bucket is empty and the option says to
 * close. */
bool pressure_take(struct peer *p);
void pressure_forget(struct peer *p); /* before the peer is freed */
