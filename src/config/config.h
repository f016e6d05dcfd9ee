/* config: what the operator asked for, read once from command line, environment, env files,
 * config file and defaults, and checked as a whole. Constant after start; a reload makes a new
 * one. Any thread may read it.
 *
 * Units: names in _ms are milliseconds, in _bytes bytes. A limit that is 0 is no limit (marked
 * N in its row: 0 is never a value the operator can give). Texts are NUL-terminated and live
 * as long as the config; NULL = unset. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/assert.h"

/* Outcomes of config_load, and exit codes. */
enum {
    CONFIG_SERVE = 1,
    CONFIG_GENERATE_TOKEN,
    CONFIG_BACKUP,
    CONFIG_CHECK_ONLINE,
    CONFIG_RELOAD,
    CONFIG_STOP,
    CONFIG_EXPLAIN,
    CONFIG_EXIT
};
enum { CONFIG_EXIT_OK = 0, CONFIG_EXIT_FAILED = 1, CONFIG_EXIT_USAGE = 2, CONFIG_EXIT_WRONG = 78 };

enum { CONFIG_METRICS_MAIN, CONFIG_METRICS_ADMIN, CONFIG_METRICS_BOTH, CONFIG_METRICS_OFF };
enum { CONFIG_RATE_SLOW, CONFIG_RATE_CLOSE };

struct config_list {
    char **items;
    size_t n_items;
};

/* IPv4 networks stand in the mapped form ::ffff:a.b.c.d; n_bits counts from its first bit. */
struct config_cidr {
    struct in6_addr address;
    unsigned n_bits;
};

struct config_cidrs {
    struct config_cidr *items;
    size_t n_items;
};

struct config_mount {
    const char *name; /* one path segment, without slashes */
    const char *dir;  /* absolute; existed at start */
};

struct config_mounts {
    struct config_mount *items;
    size_t n_items;
};

enum config_source {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENV_FILE,
    CONFIG_FROM_ENV,
    CONFIG_FROM_CLI
};

/* A line for the start log, the value already masked. */
struct config_note {
    enum {
        CONFIG_NOTE_OPTION,
        CONFIG_NOTE_IDLE, /* something that was given has no effect in this build */
        CONFIG_NOTE_NOTICE,
        CONFIG_NOTE_WARN
    } kind;
    const char *name; /* option or variable */
    const char *text; /* OPTION: the value; else: what to tell */
    const char *from; /* OPTION: env:HYPHA_PORT, file:3, env-file:.env, cli; else NULL */
};

/* hyphad generate-token */
struct config_token_request {
    const char *workspace; /* NULL = the user's own */
    uint64_t expires_in_ms;
    const char *client_id;     /* NULL = none */
    const char *user_id;       /* NULL = random anonymous */
    const char *email;         /* NULL = none */
    struct config_list roles;  /* empty = anonymous */
    struct config_list scopes; /* workspace#permission, each with its '#' */
    const char *permission;    /* read, read_write, admin */
};

/* hyphad backup */
struct config_backup_request {
    const char *file; /* as given */
    bool is_forced;   /* may replace a file */
};

/* Fields by kind: FLAG bool, INT uint32_t, NUM double, TIME uint64_t, SIZE size_t, texts const
 * char *, CHOICE an enum above or of base/log.h, lists and the structs above. */
#define CONFIG_TYPE_FLAG bool
#define CONFIG_TYPE_INT uint32_t
#define CONFIG_TYPE_NUM double
#define CONFIG_TYPE_TIME uint64_t
#define CONFIG_TYPE_SIZE size_t
#define CONFIG_TYPE_TEXT const char *
#define CONFIG_TYPE_PATH const char *
#define CONFIG_TYPE_URL const char *
#define CONFIG_TYPE_CHOICE int
#define CONFIG_TYPE_LEVEL int
#define CONFIG_TYPE_LIST struct config_list
#define CONFIG_TYPE_LINES struct config_list
#define CONFIG_TYPE_COMMA struct config_list
#define CONFIG_TYPE_CIDRS struct config_cidrs
#define CONFIG_TYPE_MOUNTS struct config_mounts

struct config {
#define OPTION(kind, field, ...) CONFIG_TYPE_##kind field;
#define OPTION_IDLE(...)
#define OPTION_GROUP(...)
#include "rooms_options.def"
#undef OPTION
#undef OPTION_IDLE
#undef OPTION_GROUP
    /* Worked out of the above:
     * base_path        "" or "/a/b": a leading slash, none at the end
     * public_base_url  without a slash at the end; NULL = the URL it listens on
     * data_dir         absolute, or ":memory:"; NULL = a temporary folder, removed at exit
     * has_own_data_dir the operator has named it; else it is the default
     * root_token       at least 32 characters and not a simple one */
    bool has_own_data_dir;
    const char *database_path; /* absolute, or ":memory:"; NULL = <data_dir>/hyphad.db */
    struct config_token_request token_request;
    struct config_backup_request backup;
    struct config_note *notes; /* in the order they are to be logged */
    size_t n_notes;
    struct config_metadata *metadata; /* where each value came from; the config room's own */
};

/* The names of the options, by their fields: who refuses for a limit says by which option, and one
 * that is none does not compile. */
struct config_names {
#define OPTION(kind, field, ...) const char *field;
#define OPTION_IDLE(kind, field, ...)
#define OPTION_GROUP(...)
#include "rooms_options.def"
#undef OPTION
#undef OPTION_IDLE
#undef OPTION_GROUP
};
extern const struct config_names config_names;

struct config_program {
    int argc;
    char **argv; /* secret values in it are overwritten */
    char **envp;
    FILE *out; /* help, check, config */
    FILE *err; /* errors, one line each */
    /* those outside this room, for --version: ", libuv, ..."; or NULL */
    const char *libraries;
};

/* Reads and checks everything. Binds, writes and contacts nothing. Before threads start.
 * CONFIG_SERVE, CONFIG_GENERATE_TOKEN, CONFIG_BACKUP, CONFIG_RELOAD, CONFIG_STOP,
 * CONFIG_CHECK_ONLINE (all is right, and no ok has been said yet):
 * *ret_config is the caller's to free.
 * CONFIG_EXPLAIN: argv[2] and on are words for a server that is configured elsewhere; nothing was
 * read, *ret_config is untouched. CONFIG_EXIT: everything is said, *ret_exit is the exit code. */
MUST_CHECK int config_load(const struct config_program *program, struct config **ret_config,
                           int *ret_exit);

/* SIGHUP: reads the files again; command line and environment stay as they
 * were. CONFIG_SERVE: a new set, whose notes are the changed options (OPTION) and those that
 * keep their old value until a restart (WARN). CONFIG_EXIT: the files are wrong, errors went to
 * `err`, the old set stays. `old` is not changed. */
MUST_CHECK int config_reload(const struct config *old, FILE *err, struct config **ret_config);

/* The two parts of ADDR:PORT, of an IPv6 address without its brackets; an empty ADDR is every
 * address. False: the text is none, and the outputs are undefined. */
enum { CONFIG_HOST_MAX = 254 };
bool config_split_listen(const char *text, char ret_host[CONFIG_HOST_MAX], uint16_t *ret_port);

/* Of a host that stands for every address of the machine (0.0.0.0, ::, an empty text, and their
 * other spellings): AF_INET or AF_INET6. AF_UNSPEC for any other host. Pure. */
int config_wildcard_family(const char *host);

struct config *config_free(struct config *config); /* takes NULL; returns NULL */
