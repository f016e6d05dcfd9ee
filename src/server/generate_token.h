/* generate_token: `hyphad generate-token`, the sub-command. */
#pragma once
#include <stdio.h>

struct config;

/* Prints the token alone on out, and on err what it is good for or why there is none. Returns the
 * exit code. */
int generate_token(const struct config *config, FILE *out, FILE *err);
