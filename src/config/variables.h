/* variables: variables of the process and of env files. The config room's own. */
#pragma once
#include "config/option_metadata.h"
#include "config/report.h"

/* Adds what is given; notices and warnings go to c's notes. is_read_all is false under --no-env. */
void variables_read(struct config *c, char **envp, bool is_read_all);
/* One --env-file: KEY=VALUE lines, # comments, quotes. Adds to *all, after
 * the files read before it. */
void variables_read_file(struct config *c, const char *path, struct raw_options *all,
                         struct report *report);
/* The value of a variable, or NULL when it is unset or empty. Borrowed from envp. */
const char *variables_get(char **envp, const char *name);
