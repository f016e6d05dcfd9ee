/* watch: a peer that has sent to a client of another workspace is told when that one has ended, so
 * that no call, callback or generator between the two waits in vain. Members of one workspace hear
 * of each other by `client_disconnected`; across workspaces nobody else would tell. Loop of the
 * peer. */
#pragma once
#include "base/list.h"
#include "base/slice.h"

struct peer;
struct peer_loop;

void watch_loop_init(struct peer_loop *pl);   /* before the loops run */
void watch_loop_deinit(struct peer_loop *pl); /* after its peers are gone */

/* The peer has sent to this absolute address of another workspace, which somebody held. session: of
 * the call; empty for a frame that is none. Never refused: past --max-watched-clients the one it
 * has not sent to for longest is forgotten. */
void watch_target(struct peer *p, struct slice address, struct slice session);
/* The same for a frame that settles a session and is no call itself. Whoever is gone once they have
 * that (a brief handle) is not watched from then on: nothing would take the watch back. */
void watch_answered(struct peer *p, struct slice address);
/* The peer ends. */
void watch_forget_all(struct peer *p);
