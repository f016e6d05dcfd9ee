/* print: every listing walks the table of options, so none can forget an option. Values come through
 * book_show, which masks. */
#include "config/print.h"

#include <ctype.h>

#include "config/value.h"
#include "config/yaml_file.h"
#include "version.h"

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

static const char *default_word(const struct option *o)
{
    if (o->default_text)
        return o->default_text;
    return o->shown ? o->shown : o->kind == OPTION_FLAG ? "off" : "unset";
}

static const char *status_word(const struct option *o)
{
    switch (o->status) {
    case OPTION_ACCEPT:
        return " [no effect]";
    case OPTION_REFUSE:
        return " [not supported]";
    case OPTION_ABSENT:
    case OPTION_SWITCH:
        return " [not built in]";
    default:
        return "";
    }
}

static char *variable_of(const struct option *o, char *room, size_t n_room)
{
    SCRATCH_BUF(name, 0);

    option_variable(o, &name);
    snprintf(room, n_room, SLICE_FMT, SLICE_ARG(buf_slice(&name)));
    return room;
}

#define COMMAND(id, name, help) {name, help},
#define COMMAND_AGAIN(id, name)
static const struct {
    const char *name, *text; /* NULL: help does not tell of it */
} commands[] = {
#include "config/commands.def"
};
#undef COMMAND
#undef COMMAND_AGAIN

void print_help(FILE *out)
{
    char variable[96], left[96];

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fputs(commands[i].text ? commands[i].text : "", out);
    fputs("\nFlags: --name, --no-name, --name=BOOL. Times: 10, 500ms, 10m. Sizes: 65536, 64K. Each "
          "option can also come\n"
          "from its variable and, without dashes, from the YAML file of --config; the command line "
          "wins.\n\n",
          out);
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        snprintf(left, sizeof(left), "--%s%s%s", o->name, o->kind == OPTION_FLAG ? "" : " ",
                 kind_word(o));
        fprintf(out, "  %-36s %s%s (default %s; %s)\n", left, o->help, status_word(o),
                default_word(o), variable_of(o, variable, sizeof(variable)));
    }
    fputs("\n  -h, --help                           this text\n"
          "  --version                            version, commit, compiler, libraries\n",
          out);
}

/* --port, port, HYPHA_PORT */
static unsigned find_topic(const char *name)
{
    bool is_twin, is_alias;
    struct slice s = slice_of(name);
    unsigned id;

    while (s.len > 0 && s.ptr[0] == '-')
        s = slice_from(s, 1);
    id = option_find_with_twin(s, true, &is_twin);
    return id != OPTION_COUNT ? id : option_find_variable(s, &is_twin, &is_alias);
}

static bool print_command(FILE *out, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (commands[i].text && strcmp(name, commands[i].name) == 0) {
            fputs(commands[i].text, out);
            return true;
        }
    }
    return false;
}

int print_help_option(FILE *out, FILE *err, const char *name)
{
    char variable[96];
    bool is_command = print_command(out, name);     /* config is an option too */
    unsigned id = find_topic(name);
    SCRATCH_BUF(want, 0);

    if (is_command && id == OPTION_COUNT)
        return CONFIG_EXIT_OK;
    if (id == OPTION_COUNT) {
        struct slice s = slice_of(name);
        while (s.len > 0 && s.ptr[0] == '-')
            s = slice_from(s, 1);
        const char *near = option_nearest(s);
        fprintf(err,
                near ? "hyphad: unknown option %s (did you mean --%s?%s)\n"
                     : "hyphad: unknown option %s (see hyphad --help)%s%s\n",
                name, near ? near : "", near ? option_caveat(near) : "");
        return CONFIG_EXIT_USAGE;
    }
    const struct option *o = option_at(id);
    value_want(o, &want);
    fprintf(out, "--%s\n  %s\n  value:    " SLICE_FMT "\n  default:  %s\n", o->name, o->help,
            SLICE_ARG(buf_slice(&want)), default_word(o));
    fprintf(out, "  variable: %s%s%s\n", variable_of(o, variable, sizeof(variable)),
            o->alias ? ", " : "", o->alias ? o->alias : "");
    if (!(o->marks & OPTION_SOURCE))
        fprintf(out, "  in file:  %s\n", o->name);
    if (o->other_name)
        fprintf(out, "  also:     --%s\n", o->other_name);
    if (o->marks & OPTION_SECRET)
        fprintf(out, "  secret:   --%s-file PATH and %s_FILE read it from a file\n", o->name,
                variable);
    fprintf(out, "  reload:   %s\n",
            o->marks & OPTION_RELOAD ? "takes effect on SIGHUP" : "needs a restart");
    if (o->status != OPTION_CORE)
        fprintf(out, "  status:  %s%s%s%s\n", status_word(o), o->hint ? " (" : "",
                o->hint ? o->hint : "", o->hint ? ")" : "");
    return CONFIG_EXIT_OK;
}

void print_version(FILE *out, const char *libraries)
{
    fprintf(out, "hyphad %s (%s)\nprotocol of hypha %s\ncompiler %s\nlibraries: libyaml %s%s\n", HYPHAD_VERSION,
            HYPHAD_COMMIT, HYPHA_PROTOCOL_VERSION, HYPHAD_COMPILER, yaml_file_library(), libraries ? libraries : "");
}

/* A double-quoted scalar: JSON escapes are YAML escapes. */
static void print_quoted(FILE *out, struct slice text)
{
    fputc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char ch = (unsigned char)text.ptr[i];
        if (ch == '"' || ch == '\\')
            fprintf(out, "\\%c", ch);
        else if (ch < 0x20 || ch == 0x7f)
            fprintf(out, "\\x%02x", ch);
        else
            fputc(ch, out);
    }
    fputc('"', out);
}

static void print_scalar(FILE *out, struct slice text)
{
    bool is_plain = text.len > 0 && isalnum((unsigned char)text.ptr[0]);

    for (size_t i = 0; i < text.len; i++)
        is_plain = is_plain && (isalnum((unsigned char)text.ptr[i]) || strchr("._/-", text.ptr[i]));
    if (is_plain)
        fwrite(text.ptr, 1, text.len, out);
    else
        print_quoted(out, text);
}

static void print_value(const struct config *c, unsigned id, FILE *out)
{
    const struct option *o = option_at(id);
    const struct config_list *words = &c->book->settings[id].words;
    SCRATCH_BUF(shown, 0);

    if (option_is_list(o) || option_is_comma(o)) {
        fputc('[', out);
        for (size_t i = 0; i < words->n_items; i++) {
            fputs(i ? ", " : "", out);
            print_quoted(out, slice_of(words->items[i]));
        }
        fputc(']', out);
        return;
    }
    book_show(c, id, &shown);
    if (words->n_items > 0)
        print_scalar(out, buf_slice(&shown));
    else if (o->kind == OPTION_FLAG)
        fputs("false", out);
}

/* Options that say where to read from, that nothing reads, or that are unset stand there as
 * comments: the file is accepted as it is, and every option shows its source. */
static void print_line(const struct config *c, unsigned id, FILE *out)
{
    const struct option *o = option_at(id);
    const struct setting *s = &c->book->settings[id];
    bool is_empty =
        s->words.n_items == 0 && o->kind != OPTION_FLAG && s->source == CONFIG_FROM_DEFAULT;
    bool is_idle = o->status != OPTION_CORE && s->source == CONFIG_FROM_DEFAULT;

    fprintf(out, "%s%s: ", is_empty || is_idle || (o->marks & OPTION_SOURCE) ? "# " : "", o->name);
    print_value(c, id, out);
    fprintf(out, "  # %s\n", s->from);
}

void print_config(const struct config *c, FILE *out)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++)
        print_line(c, id, out);
}

void print_defaults(const struct config *c, FILE *out)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        const struct config_list *words = &c->book->settings[id].words;
        bool is_shown = o->status == OPTION_CORE && !(o->marks & OPTION_SOURCE) &&
                        (words->n_items > 0 || o->kind == OPTION_FLAG);
        fprintf(out, "%s%s: ", is_shown ? "" : "# ", o->name);
        print_value(c, id, out);
        fputc('\n', out);
    }
}

void print_variables(const struct config *c, FILE *out)
{
    char variable[96];
    SCRATCH_BUF(shown, 0);

    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        buf_clear(&shown);
        book_show(c, id, &shown);
        fprintf(out, "%s=" SLICE_FMT "\n", variable_of(o, variable, sizeof(variable)),
                SLICE_ARG(buf_slice(&shown)));
        if (o->alias)
            fprintf(out, "# %s is read too; %s wins\n", o->alias, variable);
    }
}

static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\|" : "%c", *text);
}

void print_document(FILE *out)
{
    char variable[96];
    SCRATCH_BUF(want, 0);

    fputs("# Options\n\nGenerated from `src/*/options.def` by `./dev docs` (`hyphad config "
          "doc`).\n\n"
          "Sources, strongest first: command line, environment, `--env-file`, `--config` file, "
          "default. R: takes effect on\n"
          "SIGHUP. Secrets can also come from a file: `--NAME-file PATH`.\n\n"
          "| option | value | default | variable | R | meaning |\n|---|---|---|---|---|---|\n",
          out);
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        buf_clear(&want);
        value_want(o, &want);
        buf_add_byte(&want, 0);
        fprintf(out, "| `--%s` | ", o->name);
        print_cell(out, want.ptr);
        fputs(" | ", out);
        print_cell(out, default_word(o));
        fprintf(out, " | `%s`%s%s%s | %s | ", variable_of(o, variable, sizeof(variable)),
                o->alias ? ", `" : "", o->alias ? o->alias : "", o->alias ? "`" : "",
                o->marks & OPTION_RELOAD ? "R" : "");
        print_cell(out, o->help);
        fprintf(out, "%s%s |\n", o->marks & OPTION_SECRET ? " (secret)" : "", status_word(o));
    }
}
