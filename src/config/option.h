/* option: one row of an options.def as data, and finding rows by the names people type. The config
 * room's own. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "config/rule.h"

enum option_kind {
    OPTION_FLAG,
    OPTION_INT,
    OPTION_NUM,
    OPTION_TIME,
    OPTION_SIZE,
    OPTION_TEXT,
    OPTION_PATH,
    OPTION_URL,
    OPTION_CHOICE,
    OPTION_LEVEL,
    OPTION_LIST,
    OPTION_LINES,
    OPTION_COMMA,
    OPTION_CIDRS,
    OPTION_MOUNTS,
};

enum option_status { OPTION_CORE, OPTION_ACCEPT, OPTION_REFUSE, OPTION_ABSENT, OPTION_SWITCH };

enum option_mark {
    OPTION_RELOAD = 1,      /* takes effect on SIGHUP */
    OPTION_NONE = 2,        /* knows `none` */
    OPTION_SECRET = 4,      /* never shown; has a second form, NAME-file */
    OPTION_ALWAYS_ENV = 8,  /* its variable is read even under --no-env */
    OPTION_URI_SECRET = 16, /* the password inside is never shown */
    OPTION_SOURCE = 32,     /* says where to read from: not in a file */
};

enum option_id {
#define OPTION(kind, field, ...) OPTION_ID_##field,
#define OPTION_IDLE(kind, field, ...) OPTION_ID_##field,
/* The id of the row that follows; the second constant gives the count back. */
#define OPTION_GROUP(ident, title)                                                                 \
    OPTION_FIRST_##ident, OPTION_BEFORE_##ident = OPTION_FIRST_##ident - 1,
#include "rooms_options.def"
#undef OPTION
#undef OPTION_IDLE
#undef OPTION_GROUP
    OPTION_COUNT
};

#define OPTION_NO_FIELD SIZE_MAX

struct option {
    enum option_kind kind;
    const char *name;         /* without dashes */
    const char *default_text; /* NULL = unset, or worked out */
    enum option_status status;
    unsigned marks;
    const char *help;
    size_t offset;       /* of its field in struct config, or OPTION_NO_FIELD */
    int64_t min, max;    /* in units of the field */
    const char *choices; /* a|b|c */
    bool (*rule)(
        /* for texts, and for each word of a list; NULL = anything goes */
        struct rule_case *c);
    const char *alias;      /* a second variable, without HYPHA_ */
    const char *other_name; /* a second name on the command line */
    const char *hint;       /* what to do instead */
    const char *room;       /* the absent room */
    const char *shown;      /* what the default is when it is worked out */
    char letter;            /* -p stands for --port; 0 = none */
};

const struct option *option_at(unsigned id);
/* The titles that options are listed under, each once, in the order of the tables; NULL past the
 * last one. */
const char *option_group_at(unsigned n);
/* The title that this option is listed under. */
const char *option_group_of(unsigned id);
/* Whether this build does what the option asks for. */
bool option_is_built(const struct option *o);
/* The default as people read it: "unset" and "off" too. */
const char *option_default_word(const struct option *o);
/* What to say behind its help: " [not built in]" and the like, or "". */
const char *option_status_word(const struct option *o);
/* The id of the option that -LETTER stands for; OPTION_COUNT when there is none. */
unsigned option_find_letter(char letter);
/* The id of the option with this name (its other name too); '_' may stand for '-' when is_loose.
 * OPTION_COUNT when unknown. */
unsigned option_find(struct slice name, bool is_loose);
/* As option_find; knows the form NAME-file of a secret too and says so. */
unsigned option_find_with_secret_file(struct slice name, bool is_loose, bool *ret_is_secret_file);
/* By variable: HYPHA_NAME, HYPHA_NAME_FILE or an alias. */
unsigned option_find_variable(struct slice variable, bool *ret_is_secret_file, bool *ret_is_alias);
bool option_is_list(const struct option *o);  /* takes several words */
bool option_is_text(const struct option *o);  /* one text: an empty one means unset */
bool option_is_comma(const struct option *o); /* one word, cut at commas */
void option_variable(const struct option *o, struct buf *out); /* HYPHA_NAME */
void option_variable_of(const char *name, struct buf *out);    /* any dashed name */
/* The nearest of the names, or NULL when none is near. */
const char *option_nearest(struct slice name);
/* What to say behind a name that is suggested: " it is not built in", or "". */
const char *option_caveat(const char *name);
const char *option_nearest_of(struct slice word, const char *const *words, size_t n_words);
