/* blocked: the addresses that are blocked, as each loop knows them. The hub loop has the table
 * (auth/blocks.h); what a client does without asking the hub, a post into an open stream, is
 * decided on the stream's own loop. A change goes to every loop by mail, before the mail by which
 * the same block ends what is open. */
#pragma once
#include <stdbool.h>

struct blocked;
struct hub;
struct in6_addr;
struct loop_set;
struct peer;

struct blocked *blocked_new(const struct loop_set *set);
/* when the loops stand still; returns NULL */
struct blocked *blocked_free(struct blocked *all, const struct loop_set *set);
/* Hub loop, once, before the blocks are loaded. */
void blocked_follow(struct hub *h);
/* Whether that address may not act for this peer: it is blocked, and the peer is not root's. Loop
 * of the peer. */
bool blocked_covers(const struct peer *p, const struct in6_addr *address);
