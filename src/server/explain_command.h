/* explain_command: hyphad explain: asks a running server, as its administrator, why somebody may
 * do something or may not. (docs/OPERATIONS.md) */
#pragma once
#include <stdio.h>

enum { EXPLAIN_ALLOWED = 0, EXPLAIN_DENIED = 1, EXPLAIN_FAILED = 2 };

/* The words after `explain`; secrets among them are overwritten. `in` is read for the subject
 * "-". Returns the exit code. Blocks. */
int explain_command(int argc, char **argv, FILE *in, FILE *out, FILE *err);
