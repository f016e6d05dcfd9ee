/* check_command: hyphad check --online: what the configuration names outside this machine is
 * there. */
#pragma once
#include <stdio.h>

struct config;

/* Writes nothing there. Returns the exit code; `ok` to `out`, or one line to `err`. */
int check_command(const struct config *config, FILE *out, FILE *err);
