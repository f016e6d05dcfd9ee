/* queue: the service `public/queue`: first-in-first-out queues of tasks, named by their users, one
 * set for each workspace. A queue is there while something is in it or somebody waits at it.
 *
 * What is promised (docs/OPERATIONS.md says it to operators): a push that was answered is in the
 * store; a task is removed from the store before its pop is answered and is given to one caller at
 * most; a caller that leaves before it was answered leaves the task where it was. Tasks of a
 * temporary workspace live in memory and end with it. Hub loop. (workspaces-and-auth 13) */
#pragma once

struct manager;
struct queues;

/* Reads what the store kept, then offers the service. Borrows the manager until queue_close(). */
struct queues *queue_open(struct manager *m);
/* The server is about to go: pops that wait are refused, and further ones that would. Takes
 * NULL. */
void queue_drain(struct queues *q);
/* Withdraws it and ends the pops that wait. Frees itself once the store has answered what was
 * asked of it. Takes NULL; before manager_free(). */
void queue_close(struct queues *q);
