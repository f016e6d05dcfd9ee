/* print: every listing walks the table of options, so none can forget an option. Values come
 * through option_show_value, which masks. */
#include "config/print.h"

#include <ctype.h>

#include "config/value.h"
#include "config/yaml_file.h"
#include "version.h"

static char *variable_of(const struct option *o, char *room, size_t n_room)
{
    SCRATCH_BUF(name, 0);

    option_variable(o, &name);
    snprintf(room, n_room, SLICE_FMT, SLICE_ARG(buf_slice(&name)));
    return room;
}

void print_version(FILE *out, const char *libraries)
{
    fprintf(out, "hyphad %s (%s)\nprotocol of hypha %s\ncompiler %s\nlibraries: libyaml %s%s\n",
            HYPHAD_VERSION, HYPHAD_COMMIT, HYPHA_PROTOCOL_VERSION, HYPHAD_COMPILER,
            yaml_file_library(), libraries ? libraries : "");
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
    const struct config_list *words = &c->metadata->settings[id].words;
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
    option_show_value(c, id, &shown);
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
    const struct setting *s = &c->metadata->settings[id];
    bool is_empty =
        s->words.n_items == 0 && o->kind != OPTION_FLAG && s->source == CONFIG_FROM_DEFAULT;
    bool is_idle = o->status != OPTION_CORE && s->source == CONFIG_FROM_DEFAULT;

    fprintf(out, "%s%s: ", is_empty || is_idle || (o->marks & OPTION_SOURCE) ? "# " : "", o->name);
    print_value(c, id, out);
    fprintf(out, "  # %s\n", s->from);
}

void print_config(const struct config *c, bool is_changed, FILE *out)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        if (!is_changed || !option_is_default(c, id))
            print_line(c, id, out);
    }
}

void print_defaults(const struct config *c, FILE *out)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        const struct config_list *words = &c->metadata->settings[id].words;
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
        option_show_value(c, id, &shown);
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

static void print_document_row(FILE *out, const struct option *o)
{
    char variable[96];
    SCRATCH_BUF(want, 0);

    value_want(o, &want);
    buf_add_byte(&want, 0);
    fprintf(out, "| `--%s` | ", o->name);
    print_cell(out, want.ptr);
    fputs(" | ", out);
    print_cell(out, option_default_word(o));
    fprintf(out, " | `%s`%s%s%s | %s | ", variable_of(o, variable, sizeof(variable)),
            o->alias ? ", `" : "", o->alias ? o->alias : "", o->alias ? "`" : "",
            o->marks & OPTION_RELOAD ? "R" : "");
    print_cell(out, o->help);
    fprintf(out, "%s%s |\n", o->marks & OPTION_SECRET ? " (secret)" : "", option_status_word(o));
}

void print_document(FILE *out)
{
    const char *title;

    fputs(
        "# Options\n\nGenerated from `src/*/options.def` by `./dev docs` (`hyphad config doc`).\n\n"
        "Sources, strongest first: command line, environment, `--env-file`, `--config` file, "
        "default.\n"
        "R: takes effect on SIGHUP. Secrets can also come from a file: `--NAME-file PATH`.\n",
        out);
    for (unsigned n = 0; (title = option_group_at(n)); n++) {
        fprintf(out,
                "\n## %s\n\n| option | value | default | variable | R | meaning "
                "|\n|---|---|---|---|---|---|\n",
                title);
        for (unsigned id = 0; id < OPTION_COUNT; id++) {
            if (strcmp(option_group_of(id), title) == 0)
                print_document_row(out, option_at(id));
        }
    }
}
