/* help: made of the tables of options and commands, so that it forgets none. No line has more than
 * 79 columns. */
#include "config/help.h"

#include <string.h>

#include "config/config.h"
#include "config/option.h"
#include "config/value.h"

enum { COLUMNS = 79, COLUMN_TEXT = 29, LEFT_MAX = 96 };

#define COMMAND(id, name, usage, summary, text) {name, usage, summary, text},
#define COMMAND_AGAIN(id, name)
#define COMMAND_HIDDEN(id, name)
static const struct {
    const char *name, *usage, *summary, *text;
} commands[] = {
#include "config/commands.def"
};
#undef COMMAND
#undef COMMAND_AGAIN
#undef COMMAND_HIDDEN

static const char *kind_word(const struct option *o)
{
    static const char *const words[] = {
        [OPTION_FLAG] = "",       [OPTION_INT] = "INT",    [OPTION_NUM] = "NUM",
        [OPTION_TIME] = "TIME",   [OPTION_SIZE] = "SIZE",  [OPTION_TEXT] = "TEXT",
        [OPTION_PATH] = "PATH",   [OPTION_URL] = "URL",    [OPTION_CHOICE] = "WORD",
        [OPTION_LEVEL] = "LEVEL", [OPTION_LIST] = "WORDS", [OPTION_LINES] = "COMMANDS",
        [OPTION_COMMA] = "A,B",   [OPTION_CIDRS] = "A,B",  [OPTION_MOUNTS] = "WORDS"};
    return words[o->kind];
}

/* How much of the text fits into n_columns: up to a space, or else behind a comma of a word that is
 * too long, or else all of it. */
static size_t help_fit(struct slice text, size_t n_columns)
{
    if (text.len <= n_columns)
        return text.len;
    for (size_t i = n_columns + 1; i-- > 1;) {
        if (text.ptr[i] == ' ')
            return i;
    }
    for (size_t i = n_columns; i > 1; i--) {
        if (text.ptr[i - 1] == ',')
            return i;
    }
    return text.len;
}

static void help_row(FILE *out, const char *left, struct slice text)
{
    int column = fprintf(out, "  %s", left);

    if (column >= COLUMN_TEXT) {
        fputc('\n', out);
        column = 0;
    }
    while (text.len > 0) {
        size_t n = help_fit(text, COLUMNS - COLUMN_TEXT);
        fprintf(out, "%*s%.*s\n", COLUMN_TEXT - column, "", (int)n, text.ptr);
        text = slice_from(text, n);
        while (text.len > 0 && text.ptr[0] == ' ')
            text = slice_from(text, 1);
        column = 0;
    }
}

static void help_option_row(FILE *out, const struct option *o, bool is_all)
{
    bool has_default = o->default_text || o->shown;
    const char *kind = kind_word(o);
    char left[LEFT_MAX], letter[] = "-x, ";
    SCRATCH_BUF(text, 0);

    letter[1] = o->letter;
    snprintf(left, sizeof(left), "%s--%s%s%s", o->letter ? letter : "", o->name, *kind ? " " : "",
             kind);
    buf_add_fmt(&text, "%s%s", o->help, option_status_word(o));
    if (is_all) {
        buf_add_fmt(&text, " (default %s; ", option_default_word(o));
        option_variable(o, &text);
        buf_add_byte(&text, ')');
    } else if (has_default) {
        buf_add_fmt(&text, " (default %s)", option_default_word(o));
    }
    help_row(out, left, buf_slice(&text));
}

static void help_group(FILE *out, const char *title, bool is_all)
{
    bool is_empty = true;

    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        if (strcmp(option_group_of(id), title) != 0 || (!is_all && !option_is_built(o)))
            continue;
        if (is_empty)
            fprintf(out, "\n%s:\n", title);
        is_empty = false;
        help_option_row(out, o, is_all);
    }
}

void help_print(FILE *out, bool is_all)
{
    const char *title;

    fputs("Usage: hyphad [COMMAND] [OPTIONS]\n\n"
          "hyphad is a server for clients that speak the Hypha protocol. Without a command\n"
          "it serves.\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        help_row(out, commands[i].name, slice_of(commands[i].summary));
    fputs("\nMore help:\n", out);
    help_row(out, "hyphad COMMAND --help", slice_of("one command and its own options"));
    help_row(out, "hyphad help OPTION", slice_of("one option: its values, default and variable"));
    help_row(out, "hyphad help --all", slice_of("every option, also those that are not built in"));
    fputs("\nAn option is written --name VALUE or --name=VALUE, a flag --name, --no-name or\n"
          "--name=BOOL. A time is in seconds unless it has a unit (500ms, 10m, 2h, 90d), a\n"
          "size is in bytes (64K, 16M, 1G). Each option can also come from its variable,\n"
          "as HYPHA_LOG_FILE for --log-file, and from the YAML file of --config, as\n"
          "log-file; the command line wins. An option that shows no default is off or\n"
          "unset.\n",
          out);
    for (unsigned n = 0; (title = option_group_at(n)); n++)
        help_group(out, title, is_all);
    fputs("\nOthers:\n", out);
    help_row(out, "-h, --help", slice_of("this text, or the help of a command"));
    help_row(out, "-v, --version", slice_of("version, commit, compiler, libraries"));
}

static struct slice without_dashes(const char *name)
{
    struct slice s = slice_of(name);

    while (s.len > 0 && s.ptr[0] == '-')
        s = slice_from(s, 1);
    return s;
}

/* --port, -p, port, HYPHA_PORT */
static unsigned find_topic(const char *name)
{
    bool is_secret_file, is_alias;
    struct slice s = without_dashes(name);
    unsigned id = option_find_with_secret_file(s, true, &is_secret_file);

    if (id == OPTION_COUNT && s.len == 1)
        id = option_find_letter(s.ptr[0]);
    return id != OPTION_COUNT ? id : option_find_variable(s, &is_secret_file, &is_alias);
}

static bool help_command(FILE *out, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        fprintf(out, "Usage: hyphad %s%s%s\n\nThis command %s.\n%s%s", name,
                commands[i].usage[0] ? " " : "", commands[i].usage, commands[i].summary,
                commands[i].text[0] ? "\n" : "", commands[i].text);
        return true;
    }
    return false;
}

static int help_unknown(FILE *err, const char *name)
{
    const char *near = option_nearest(without_dashes(name)), *names[ARRAY_LEN(commands)], *command;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    command = option_nearest_of(slice_of(name), names, ARRAY_LEN(names));
    if (near)
        fprintf(err, "hyphad: unknown option %s (did you mean --%s?%s)\n", name, near,
                option_caveat(near));
    else if (command)
        fprintf(err, "hyphad: unknown command %s (did you mean %s?)\n", name, command);
    else
        fprintf(err, "hyphad: no option or command has the name %s (see hyphad --help)\n", name);
    return CONFIG_EXIT_USAGE;
}

static void help_option(FILE *out, const struct option *o)
{
    SCRATCH_BUF(want, 0);
    SCRATCH_BUF(variable, 0);

    value_want(o, &want);
    option_variable(o, &variable);
    fprintf(out, "--%s\n  %s\n  value:    " SLICE_FMT "\n  default:  %s\n", o->name, o->help,
            SLICE_ARG(buf_slice(&want)), option_default_word(o));
    fprintf(out, "  variable: " SLICE_FMT "%s%s\n", SLICE_ARG(buf_slice(&variable)),
            o->alias ? ", " : "", o->alias ? o->alias : "");
    if (!(o->marks & OPTION_SOURCE))
        fprintf(out, "  in file:  %s\n", o->name);
    if (o->letter)
        fprintf(out, "  also:     -%c\n", o->letter);
    if (o->other_name)
        fprintf(out, "  also:     --%s\n", o->other_name);
    if (o->marks & OPTION_SECRET)
        fprintf(out, "  secret:   --%s-file PATH and " SLICE_FMT "_FILE read it from a file\n",
                o->name, SLICE_ARG(buf_slice(&variable)));
    fprintf(out, "  reload:   %s\n",
            o->marks & OPTION_RELOAD ? "takes effect on SIGHUP" : "needs a restart");
    if (!option_is_built(o))
        fprintf(out, "  status:  %s%s%s%s\n", option_status_word(o), o->hint ? " (" : "",
                o->hint ? o->hint : "", o->hint ? ")" : "");
}

int help_print_topic(FILE *out, FILE *err, const char *name)
{
    bool is_command = help_command(out, name); /* config is an option too */
    unsigned id = find_topic(name);

    if (id == OPTION_COUNT)
        return is_command ? CONFIG_EXIT_OK : help_unknown(err, name);
    if (is_command)
        fputc('\n', out);
    help_option(out, option_at(id));
    return CONFIG_EXIT_OK;
}
