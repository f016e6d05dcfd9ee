/* ready: how the world learns that the server serves: the ready line, the port file, the service
 * manager. */
#pragma once
#include <stdbool.h>

struct server;

void ready_announce(struct server *s); /* once, when the phase has become READY */
void ready_withdraw(struct server *s); /* the port file goes */
/* sd_notify(3) without the library: READY=1, STOPPING=1, RELOADING=1 */
void ready_notify(const char *state);
