/* cli: words to givens. One pass from left to right. No prefix
 * of an option is taken for it: an option of a later release would change its meaning.
 *
 * Words after an unknown option are taken for its values and not shown: they may be a secret
 * behind a typing error. */
#include "config/cli.h"

#include <ctype.h>

#include "config/option_metadata.h"
#include "config/option.h"
#include "config/config_token.h"
#include "config/value.h"

struct cursor {
    int argc, i;
    char **argv;
    const char *cwd;
    struct arena *arena;
    struct raw_options *all;
    struct report *report;
};

#define COMMAND(id, name, usage, summary, text) name,
#define COMMAND_AGAIN(id, name) name,
#define COMMAND_HIDDEN(id, name) name,
static const char *const commands[] = {
#include "config/commands.def"
};
#undef COMMAND
#undef COMMAND_AGAIN
#undef COMMAND_HIDDEN

#define COMMAND(id, name, usage, summary, text) CLI_##id,
#define COMMAND_AGAIN(id, name) CLI_##id,
#define COMMAND_HIDDEN(id, name) CLI_##id,
static const enum cli_command kinds[] = {
#include "config/commands.def"
};
#undef COMMAND
#undef COMMAND_AGAIN
#undef COMMAND_HIDDEN

static bool is_value(const char *word)
{
    return word[0] != '-' || isdigit((unsigned char)word[1]);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void skip_words(struct cursor *c)
{
    while (c->i + 1 < c->argc && is_value(c->argv[c->i + 1]))
        c->i++;
}

/* Copies a value out of the argument area; a secret is overwritten there, where every user of
 * the machine can read it. */
static const char *cli_take(struct cursor *c, const struct option *o, char *value)
{
    const char *copy = arena_text(c->arena, slice_of(value));

    if (o->marks & OPTION_SECRET)
        memset(value, '*', strlen(value));
    if (o->marks & OPTION_URI_SECRET) {
        SCRATCH_BUF(masked, 0);
        option_mask_uri(slice_of(value), &masked);
        if (!slice_is(buf_slice(&masked), value))
            memset(value, '*', strlen(value));
    }
    return copy;
}

static void report_unknown(struct cursor *c, struct slice name)
{
    static const struct {
        const char *name, *hint;
    } foreign[] = {{"workers", "use --threads"},
                   {"ssl-certfile", "TLS is not built in: put a proxy in front"},
                   {"ssl-keyfile", "TLS is not built in: put a proxy in front"},
                   {"uds", "there is one listener: --host and --port"},
                   {"fd", "there is one listener: --host and --port"},
                   {"root-path", "use --base-path"},
                   {"log-level", "use --loglevel"},
                   {"reload", "none needed"},
                   {"env", "none needed"}};
    const char *near = NULL;

    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        if (slice_is(name, foreign[i].name)) {
            report_usage(c->report, "unknown option --" SLICE_FMT " (%s)", SLICE_ARG(name),
                         foreign[i].hint);
            return;
        }
    }
    for (unsigned id = 0; id < OPTION_COUNT && name.len > 1; id++) {
        const char *whole = option_at(id)->name;
        if (slice_eq(slice_to(slice_of(whole), name.len), name) &&
            (!near || strlen(whole) < strlen(near)))
            near = whole;
    }
    if (!near)
        near = option_nearest(name);
    if (near)
        report_usage(c->report, "unknown option --" SLICE_FMT " (did you mean --%s?%s)",
                     SLICE_ARG(name), near, option_caveat(near));
    else
        report_usage(c->report, "unknown option --" SLICE_FMT " (see hyphad --help)",
                     SLICE_ARG(name));
}

static void cli_read_words(struct cursor *c, const struct option *o, char *value,
                           struct raw_option *g)
{
    if (value && *value)
        arena_list_add(c->arena, &g->words, cli_take(c, o, value));
    while (c->i + 1 < c->argc && strncmp(c->argv[c->i + 1], "--", 2) != 0)
        arena_list_add(c->arena, &g->words, cli_take(c, o, c->argv[++c->i]));
}

/* Whether the scalar option has a value; g->words holds it. */
static bool cli_read_scalar(struct cursor *c, const struct option *o, char *value,
                            struct raw_option *g)
{
    if (!value) {
        if (c->i + 1 >= c->argc || !is_value(c->argv[c->i + 1])) {
            report_usage(c->report, "missing value for %s", g->name);
            return false;
        }
        value = c->argv[++c->i];
    }
    if (option_is_comma(o))
        value_split(o, slice_of(value), c->arena, &g->words);
    else if (*value || !option_is_text(o))
        arena_list_add(c->arena, &g->words, cli_take(c, o, value));
    return true;
}

static void cli_read_flag(struct cursor *c, char *value, bool is_negated, struct raw_option *g)
{
    if (value && is_negated) {
        report_usage(c->report, "%s takes no value", g->name);
        return;
    }
    arena_list_add(c->arena, &g->words,
                   value        ? arena_text(c->arena, slice_of(value))
                   : is_negated ? "false"
                                : "true");
    if (!value && c->i + 1 < c->argc) {
        bool is_on;
        if (value_read_flag(slice_of(c->argv[c->i + 1]), &is_on))
            report_usage(c->report, "stray word \"%s\" (write %s=%s)", c->argv[c->i + 1], g->name,
                         c->argv[c->i + 1]),
                c->i++;
    }
    raw_option_add(c->all, c->arena, *g);
}

/* --name, --name=value, -x */
static void read_option(struct cursor *c)
{
    char *word = c->argv[c->i], *equals = strchr(word, '=');
    bool is_secret_file = false, is_negated = false;
    struct slice name;
    unsigned id;

    if (word[1] != '-') {
        id = option_find_letter(word[1]);
        name = slice_of(option_at(id)->name);
    } else {
        name = slice_make(word + 2, (equals ? (size_t)(equals - word) : strlen(word)) - 2);
        id = option_find_with_secret_file(name, false, &is_secret_file);
    }
    if (id == OPTION_COUNT && slice_starts(name, "no-")) {
        id = option_find(slice_from(name, 3), false);
        if (id != OPTION_COUNT && option_at(id)->kind != OPTION_FLAG)
            id = OPTION_COUNT;
        is_negated = id != OPTION_COUNT;
    }
    if (id == OPTION_COUNT) {
        report_unknown(c, name);
        skip_words(c);
        return;
    }
    const struct option *o = option_at(id);
    struct raw_option g = {.option = id,
                           .source = CONFIG_FROM_CLI,
                           .place = "",
                           .from = "cli",
                           .base_dir = c->cwd,
                           .is_secret_file = is_secret_file};
    g.name = arena_fmt(c->arena, "--" SLICE_FMT, SLICE_ARG(name));
    if (o->kind == OPTION_FLAG) {
        cli_read_flag(c, equals ? equals + 1 : NULL, is_negated, &g);
    } else if (option_is_list(o)) {
        cli_read_words(c, o, equals ? equals + 1 : NULL, &g);
        raw_option_add(c->all, c->arena, g);
    } else if (cli_read_scalar(c, o, equals ? equals + 1 : NULL, &g)) {
        raw_option_add(c->all, c->arena, g);
    }
}

static void report_stray(struct cursor *c, const char *word)
{
    const struct raw_option *last = c->all->n_items ? &c->all->items[c->all->n_items - 1] : NULL;
    const char *near = option_nearest_of(slice_of(word), commands, ARRAY_LEN(commands));

    if (last && last->source == CONFIG_FROM_CLI &&
        (option_at(last->option)->marks & (OPTION_SECRET | OPTION_URI_SECRET)))
        report_usage(c->report, "stray word after %s", last->name);
    else if (word[0] == '-' && word[1] && word[1] != '-')
        report_usage(c->report, "unknown option %s (see hyphad --help)", word);
    else if (c->i == 1)
        report_usage(c->report, "unknown command \"%s\" (%s%s%s)", word,
                     near ? "did you mean " : "see ", near ? near : "hyphad --help",
                     near ? "?" : "");
    else
        report_usage(c->report, "stray word \"%s\"%s%s%s", word,
                     near ? " (commands come first: hyphad " : "", near ? near : "",
                     near ? ")" : "");
}

static void read_command(struct cursor *c, struct cli *cli)
{
    static const char *const subjects[] = {"defaults", "env", "doc"};

    c->i = 1;
    if (c->argc < 2)
        return;
    for (size_t k = 0; k < ARRAY_LEN(commands); k++) {
        if (strcmp(c->argv[1], commands[k]) == 0) {
            cli->command = kinds[k];
            c->i = 2;
        }
    }
    if (cli->command == CLI_HELP && c->argc > 2 && !is_help(c->argv[2]) &&
        strcmp(c->argv[2], "--all") != 0)
        cli->subject = c->argv[c->i++];
    if (cli->command != CLI_CONFIG || c->argc < 3)
        return;
    for (size_t k = 0; k < ARRAY_LEN(subjects); k++) {
        if (strcmp(c->argv[2], subjects[k]) == 0) {
            cli->subject = subjects[k];
            c->i = 3;
        }
    }
}

/* `hyphad --help` and `hyphad run --help` are about all; with another command it is about that
 * one. */
static void cli_ask_help(struct cli *cli)
{
    static const char *const topics[] = {
#define COMMAND(id, name, usage, summary, text) [CLI_##id] = name,
#define COMMAND_AGAIN(id, name)
#define COMMAND_HIDDEN(id, name) [CLI_##id] = NULL,
#include "config/commands.def"
#undef COMMAND
#undef COMMAND_AGAIN
#undef COMMAND_HIDDEN
    };

    if (cli->command != CLI_HELP)
        cli->subject = cli->command == CLI_SERVE ? NULL : topics[cli->command];
    cli->command = CLI_HELP;
}

/* The flags of single commands; a subject leaves them nothing to say. */
static bool cli_take_flag(struct cli *cli, const char *word)
{
    const struct {
        enum cli_command command;
        const char *word;
        bool *place;
    } flags[] = {{CLI_CHECK, "--online", &cli->is_online},
                 {CLI_CHECK, "--strict", &cli->is_strict},
                 {CLI_CONFIG, "--changed", &cli->is_changed},
                 {CLI_BACKUP, "--force", &cli->backup.is_forced},
                 {CLI_HELP, "--all", &cli->is_all}};

    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (cli->command == flags[i].command && !cli->subject && strcmp(word, flags[i].word) == 0)
            return *flags[i].place = true;
    }
    return false;
}

/* --name, or the letter of an option. */
static bool is_option(const char *word)
{
    if (word[0] != '-' || !word[1])
        return false;
    return word[1] == '-' ? word[2] != 0 : !word[2] && option_find_letter(word[1]) != OPTION_COUNT;
}

void cli_read(int argc, char **argv, const char *cwd, struct arena *arena, struct cli *ret_cli,
              struct raw_options *all, struct report *report)
{
    struct cursor c = {
        .argc = argc, .argv = argv, .cwd = cwd, .arena = arena, .all = all, .report = report};
    struct cli cli = {.command = CLI_SERVE};

    token_init(&cli.token);
    for (read_command(&c, &cli); c.i < argc; c.i++) {
        char *word = argv[c.i];
        int n_taken;
        if (is_help(word))
            cli_ask_help(&cli);
        else if (cli.command == CLI_EXPLAIN || cli_take_flag(&cli, word))
            continue;
        else if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0)
            cli.command = CLI_VERSION;
        else if (cli.command == CLI_TOKEN &&
                 (n_taken = token_take(&cli.token, argv + c.i, arena, report)) > 0)
            c.i += n_taken - 1;
        else if (is_option(word))
            read_option(&c);
        else if (cli.command == CLI_BACKUP && !cli.backup.file)
            cli.backup.file = arena_text(arena, slice_of(word));
        else if (cli.command != CLI_MIRROR)
            report_stray(&c, word);
    }
    if (cli.command == CLI_BACKUP && !cli.backup.file)
        report_usage(report, "backup needs the name of the file to write: hyphad backup FILE");
    *ret_cli = cli;
}
