/* refresh: new reconnection tokens for clients that ask for one (`refresh_token`). Signing one
 * takes a thousand times longer than asking for it: a client has some at once and then one every
 * REFRESH_EVERY_S, and all that are asked for on a loop take turns with its other work. Published
 * clients ask two seconds after they have connected, and every two hours. Loop of the peer. */
#pragma once

struct peer;
struct peer_loop;

enum { REFRESH_EVERY_S = 10, REFRESH_BURST = 4 };

void refresh_init(struct peer_loop *pl);
void refresh_deinit(struct peer_loop *pl);
/* Answered now, or in a later turn when this one has no time left; with an error that says when to
 * try again when it asks too often. Not answered: it came by a child token that has ended, so it
 * cannot connect again (token_life). */
void refresh_ask(struct peer *p);
