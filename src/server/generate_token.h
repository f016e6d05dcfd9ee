/* generate_token: `hyphad generate-token`, the sub-command (workspaces-and-auth 18). */
#pragma once
#include <stdio.h>

struct config;

/* Prints the token, or says on err why not. Returns the exit code. */
int generate_token(const struct config *config, FILE *out, FILE *err);
