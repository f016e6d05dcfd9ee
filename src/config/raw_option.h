/* raw_option: one occurrence of an option in one source, before its value is read. "Given" is
 * recorded here and never guessed from a value, so an explicit default on the command line beats
 * a variable. The config room's own. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"
#include "config/arena.h"
#include "config/config.h"

struct raw_option {
    unsigned option; /* id */
    enum config_source source;
    const char *name;     /* as the operator wrote it: --port, HYPHA_PORT, port */
    const char *place;    /* "" or "/etc/hyphad.yaml:12: ", to begin an error with */
    const char *from;     /* cli, env:HYPHA_PORT, file:12, env-file:.env */
    const char *base_dir; /* absolute: what relative paths are relative to */
    struct config_list words;
    bool is_secret_file; /* the word names a file that holds the secret */
    /* by the variable without HYPHA_, which loses against the one with it */
    bool is_alias;
};

struct raw_options {
    struct raw_option *items;
    size_t n_items;
};

/* keeps the pointers */
void raw_option_add(struct raw_options *all, struct arena *arena, struct raw_option g);
/* Deep copies of those whose source has no file to be read again: command line and environment. */
void raw_options_copy_fixed(const struct raw_options *from, struct raw_options *to,
                            struct arena *arena);
/* The last one of the highest source, or NULL. */
const struct raw_option *raw_option_find(const struct raw_options *all, unsigned option);
/* A variable as a given: value cut into words as the kind asks for. */
struct raw_option raw_option_of_variable(unsigned option, struct slice value, struct arena *arena);
