/* print: what the config room tells people on stdout. The config room's own. */
#pragma once
#include <stdio.h>

#include "config/book.h"

void print_help(FILE *out);
int print_help_option(FILE *out, FILE *err, const char *name); /* exit code */
void print_version(FILE *out, const char *libraries);
void print_config(const struct config *c, FILE *out); /* a file that --config accepts */
void print_defaults(const struct config *c, FILE *out);
void print_variables(const struct config *c, FILE *out);
void print_document(FILE *out); /* Markdown table of all options */
