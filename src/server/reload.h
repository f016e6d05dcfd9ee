/* reload: SIGHUP. The new set is taken as a whole by every loop at the start of a turn, or not at
 * all. */
#pragma once

struct config;
struct server;

void reload(struct server *s, struct config **config);
