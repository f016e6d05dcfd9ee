/* control_command: `hyphad reload` and `hyphad stop`, for a server that runs on the same machine.
 * Main thread. */
#pragma once
#include <stdio.h>

struct config;

/* Both find the server by its lock: on the file of --pid-file, or on the data folder, which is that
 * of --data-dir, of the server on
 * --port or the default one. They return the exit code; errors go to err. */
int reload_command(const struct config *config, FILE *out, FILE *err);
/* waits until the server has ended */
int stop_command(const struct config *config, FILE *out, FILE *err);
