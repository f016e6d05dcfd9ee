/* help: what `hyphad --help`, `hyphad COMMAND --help` and `hyphad help WORD` print. The config
 * room's own. */
#pragma once
#include <stdbool.h>
#include <stdio.h>

/* is_all: every option with its variable, those too that are not built in */
void help_print(FILE *out, bool is_all);
/* One option or command by its name; the exit code. An unknown name goes to err. */
int help_print_topic(FILE *out, FILE *err, const char *name);
