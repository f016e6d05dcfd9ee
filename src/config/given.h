/* given: one occurrence of an option in one source, before its value is read. "Given" is
 * recorded here and never guessed from a value, so an explicit default on the command line beats
 * a variable. The config room's own. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"
#include "config/arena.h"
#include "config/config.h"

struct given {
    unsigned option; /* id */
    enum config_source source;
    const char *name;     /* as the operator wrote it: --port, HYPHA_PORT, port */
    const char *place;    /* "" or "/etc/hyphad.yaml:12: ", to begin an error with */
    const char *from;     /* cli, env:HYPHA_PORT, file:12, env-file:.env */
    const char *base_dir; /* absolute: what relative paths are relative to */
    struct config_list words;
    bool is_twin;  /* the word names a file that holds the secret */
    bool is_alias; /* by the variable without HYPHA_, which loses against the one with it */
};

struct givens {
    struct given *items;
    size_t n_items;
};

void given_add(struct givens *all, struct arena *arena, struct given g); /* keeps the pointers */
/* Deep copies of those whose source has no file to be read again: command line and environment. */
void given_copy_fixed(const struct givens *from, struct givens *to, struct arena *arena);
/* The last one of the highest source, or NULL. */
const struct given *given_find(const struct givens *all, unsigned option);
/* A variable as a given: value cut into words as the kind asks for. */
struct given given_of_variable(unsigned option, struct slice value, struct arena *arena);
