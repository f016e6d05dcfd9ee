/* backup_command: hyphad backup FILE. (docs/OPERATIONS.md) */
#pragma once
#include <stdio.h>

struct config;

/* Copies the database the configuration names. Returns the exit code; one line to `out`, or to
 * `err` when it failed. */
int backup_command(const struct config *config, FILE *out, FILE *err);
