/* option_metadata: what the config room remembers about a config: where each value came from, and
 * what a reload needs to know again. */
#pragma once
#include "config/arena.h"
#include "config/config.h"
#include "config/raw_option.h"
#include "config/option.h"

struct setting {
    enum config_source source;
    const char *from;         /* default, cli, env:HYPHA_PORT, file:12, env-file:.env */
    struct config_list words; /* in normal form; empty = unset */
};

struct environment { /* of the process at start; texts in the arena, NULL = unset */
    const char *cwd;
    const char *state_directory;
    const char *xdg_state_home;
    const char *home;
    const char *allow_origins;
};

struct config_metadata {
    struct arena arena;
    struct environment around;
    struct setting settings[OPTION_COUNT];
    struct raw_options raw_options;
    bool has_no_state_base; /* the data folder would be temporary although a port is set */
};

void config_note_add(struct config *c, int kind, const char *name, const char *text,
                     const char *from);
/* A note of the option's value, and of where it came from. */
void config_note_option(struct config *c, unsigned id);
/* The value as it may be shown: secrets and passwords masked. */
void option_show_value(const struct config *c, unsigned id, struct buf *out);
/* The text with the password of a URI as ***. */
void option_mask_uri(struct slice uri, struct buf *out);
/* shows the same as the default */
bool option_is_default(const struct config *c, unsigned id);
bool option_is_on(const struct config *c,
                  unsigned id); /* a flag that is on, or a value that is not empty */
#define OPTION_MASK "********"
