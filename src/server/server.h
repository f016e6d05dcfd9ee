/* server: the one room that sees all rooms. Starts them in order, waits on the accept thread,
 * drains, stops them in reverse. */
#pragma once
#include "base/assert.h"

struct config;

/* Soft limit to hard limit: reconnect storms need descriptors. Before the configuration is read,
 * which looks at it. */
void server_raise_descriptor_limit(void);
/* Serves until told to stop; the calling thread becomes the accept thread. A reload replaces
 * *config. Returns the exit code. */
MUST_CHECK int server_run(struct config **config);
