/* print: what the config room tells people on stdout. The config room's own. */
#pragma once
#include <stdio.h>

#include "config/option_metadata.h"

void print_version(FILE *out, const char *libraries);
/* A file that --config accepts; is_changed: only what differs from the defaults. */
void print_config(const struct config *c, bool is_changed, FILE *out);
void print_defaults(const struct config *c, FILE *out);
void print_variables(const struct config *c, FILE *out);
void print_document(FILE *out); /* Markdown table of all options */
