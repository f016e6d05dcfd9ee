/* variables: variables stand for options by name. A hub is started from
 * charts and compose files that set variables for others too, so nothing unknown is an error;
 * but a HYPHA_ name that nobody reads is most often a typing error and gets one warning. An
 * empty variable is unset: charts write FOO="" for "no FOO". */
#include "config/variables.h"

#include <ctype.h>

#include "config/config_file.h"
#include "config/value.h"

enum { WARN_MAX = 20, ENV_FILE_MAX = 1 << 20 };

/* Variables that nothing reads, or that clients and workers read: they are taken in silence. */
static const char *const silent[] = {"HYPHA_CDN_BASE_URL",
                                     "HYPHA_SERVE_LOCAL_CDN",
                                     "HYPHA_HOUSEKEEPING_INTERVAL",
                                     "HYPHA_LOCAL_ROUTING_ENABLED",
                                     "HYPHA_PATTERN_AGGREGATION",
                                     "HYPHA_HTTP_MAX_CONNECTIONS",
                                     "HYPHA_HTTP_KEEPALIVE_CONNECTIONS",
                                     "HYPHA_HTTP_KEEPALIVE_EXPIRY",
                                     "HYPHA_MESSAGE_BATCH_SIZE",
                                     "HYPHA_MESSAGE_BATCH_TIMEOUT_MS",
                                     "HYPHA_AUTH0_CLIENT_SECRET",
                                     "HYPHA_SERVER_URL",
                                     "HYPHA_WORKSPACE",
                                     "HYPHA_TOKEN",
                                     "HYPHA_CLIENT_ID",
                                     "HYPHA_SERVICE_ID",
                                     "HYPHA_VISIBILITY",
                                     "HYPHA_APP_ID",
                                     "HYPHA_CONCURRENCY_LIMIT"};

/* For workers, which inherit them: a notice each. A name that ends in '_' stands for all that
 * begin so. */
static const struct {
    const char *name, *text;
} idle[] = {
    {"WEB_CONCURRENCY", "no effect: use --threads"},
    {"PLAYWRIGHT_", "no effect here; workers read it"},
    {"TERMINAL_WORKING_DIR", "no effect here; workers read it"},
    {"TERMINAL_AUTHORIZED_WORKSPACES", "no effect here; workers read it"},
    {"TERMINAL_ENABLE_WEB", "no effect here; workers read it"},
    {"CONDA_WORKING_DIR", "no effect here; workers read it"},
    {"CONDA_CACHE_DIR", "no effect here; workers read it"},
    {"CONDA_AUTHORIZED_WORKSPACES", "no effect here; workers read it"},
    {"CONDA_VERBOSE", "no effect here; workers read it"},
    {"HYPHA_RUN_FROM_ENV", "no effect here; workers read it"},
    {"HYPHA_CONDA_", "no effect here; workers read it"},
    {"HYPHA_TERMINAL_", "no effect here; workers read it"},
};

static bool is_service_link_value(struct slice value)
{
    return slice_starts(value, "tcp://") || slice_starts(value, "udp://") ||
           slice_starts(value, "sctp://");
}

/* NAME_SERVICE_HOST, NAME_SERVICE_PORT*, NAME_PORT, NAME_PORT_<n>_*: what Kubernetes sets for
 * each service. */
static bool is_service_link_name(struct slice name)
{
    for (size_t i = 0; i + 5 <= name.len; i++) {
        struct slice rest = slice_from(name, i);
        if (slice_is(rest, "_SERVICE_HOST") || slice_starts(rest, "_SERVICE_PORT") ||
            slice_is(rest, "_PORT"))
            return true;
        if (slice_starts(rest, "_PORT_") && rest.len > 6 && isdigit((unsigned char)rest.ptr[6]))
            return true;
    }
    return false;
}

static bool is_silent(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        if (slice_is(name, silent[i]))
            return true;
    }
    return is_service_link_name(name);
}

static const char *idle_text(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
        size_t len = strlen(idle[i].name);
        if (idle[i].name[len - 1] == '_' ? slice_starts(name, idle[i].name)
                                         : slice_is(name, idle[i].name))
            return idle[i].text;
    }
    return NULL;
}

static void warn_unknown(struct config *c, struct slice name, const char *from)
{
    struct arena *arena = &c->metadata->arena;
    SCRATCH_BUF(dashed, 0);
    SCRATCH_BUF(near_variable, 0);
    const char *near, *text = "unknown variable, ignored";
    unsigned n_warned = 0;

    for (size_t i = 0; i < c->n_notes; i++)
        n_warned += c->notes[i].kind == CONFIG_NOTE_WARN &&
                    slice_starts(slice_of(c->notes[i].text), "unknown variable");
    if (n_warned >= WARN_MAX)
        return;
    for (size_t i = strlen("HYPHA_"); i < name.len; i++)
        buf_add_byte(&dashed,
                     (uint8_t)(name.ptr[i] == '_' ? '-' : tolower((unsigned char)name.ptr[i])));
    near = option_nearest(buf_slice(&dashed));
    if (near) {
        option_variable_of(near, &near_variable);
        text = arena_fmt(arena, "unknown variable (did you mean " SLICE_FMT "?%s)",
                         SLICE_ARG(buf_slice(&near_variable)), option_caveat(near));
    }
    config_note_add(c, CONFIG_NOTE_WARN, arena_text(arena, name), text, from);
}

/* A variable that stands for no option. */
static void variable_note_other(struct config *c, struct slice name, const char *from)
{
    const char *text = idle_text(name);

    if (text)
        config_note_add(c, CONFIG_NOTE_IDLE, arena_text(&c->metadata->arena, name), text, from);
    else if (slice_starts(name, "HYPHA_") && !is_silent(name))
        warn_unknown(c, name, from);
}

/* One variable, from wherever: to `all`, or to the notes. */
static void read_variable(struct config *c, struct slice name, struct slice value,
                          const struct raw_option *frame, struct raw_options *all)
{
    struct arena *arena = &c->metadata->arena;
    bool is_secret_file, is_alias;
    unsigned id = option_find_variable(name, &is_secret_file, &is_alias);

    if (value.len == 0)
        return;
    if (id == OPTION_COUNT) {
        variable_note_other(c, name, frame->source == CONFIG_FROM_ENV ? NULL : frame->from);
        return;
    }
    const struct option *o = option_at(id);
    if (o->kind != OPTION_URL && is_service_link_value(value)) {
        config_note_add(c, CONFIG_NOTE_NOTICE, arena_text(arena, name),
                        "skipped: a Kubernetes service link", NULL);
        return;
    }
    struct raw_option g = is_secret_file ? (struct raw_option){.option = id}
                                         : raw_option_of_variable(id, value, arena);
    if (is_secret_file)
        arena_list_add(arena, &g.words, arena_text(arena, value));
    g.source = frame->source;
    g.place = frame->place;
    g.from = frame->from ? frame->from : arena_fmt(arena, "env:" SLICE_FMT, SLICE_ARG(name));
    g.base_dir = frame->base_dir;
    g.name = arena_text(arena, name);
    g.is_secret_file = is_secret_file;
    g.is_alias = is_alias;
    raw_option_add(all, arena, g);
}

void variables_read(struct config *c, char **envp, bool is_read_all)
{
    struct raw_option frame = {
        .source = CONFIG_FROM_ENV, .place = "", .base_dir = c->metadata->around.cwd};

    for (; envp && *envp; envp++) {
        struct slice name, value;
        bool is_secret_file, is_alias;
        if (!slice_cut(slice_of(*envp), '=', &name, &value))
            continue;
        unsigned id = option_find_variable(name, &is_secret_file, &is_alias);
        if (!is_read_all && id != OPTION_COUNT && !is_alias &&
            !(option_at(id)->marks & OPTION_ALWAYS_ENV))
            continue;
        read_variable(c, name, value, &frame, &c->metadata->raw_options);
    }
}

const char *variables_get(char **envp, const char *name)
{
    for (; envp && *envp; envp++) {
        struct slice key, value;
        if (slice_cut(slice_of(*envp), '=', &key, &value) && slice_is(key, name))
            return value.len ? value.ptr : NULL;
    }
    return NULL;
}

/* The value of a line after its '=': quotes taken off, an unquoted comment cut. False when a
 * quote is not closed. */
static bool variable_read_value(struct slice text, struct buf *out)
{
    text = slice_trim(text);
    if (text.len == 0 || (text.ptr[0] != '"' && text.ptr[0] != '\'')) {
        for (size_t i = 0; i < text.len; i++) {
            if (text.ptr[i] == '#' && (i == 0 || isspace((unsigned char)text.ptr[i - 1]))) {
                text.len = i;
                break;
            }
        }
        buf_add_slice(out, slice_trim(text));
        return true;
    }
    char quote = text.ptr[0];
    for (size_t i = 1; i < text.len; i++) {
        char ch = text.ptr[i];
        if (ch == quote) {
            struct slice rest = slice_trim(slice_from(text, i + 1));
            return rest.len == 0 || rest.ptr[0] == '#';
        }
        if (quote == '"' && ch == '\\' && i + 1 < text.len) {
            ch = text.ptr[++i];
            ch = ch == 'n' ? '\n' : ch == 't' ? '\t' : ch;
        }
        buf_add_byte(out, (uint8_t)ch);
    }
    return false;
}

static bool variable_is_name(struct slice s)
{
    if (s.len == 0 || isdigit((unsigned char)s.ptr[0]))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!isalnum((unsigned char)s.ptr[i]) && s.ptr[i] != '_')
            return false;
    }
    return true;
}

static void read_line(struct config *c, struct slice line, struct raw_option *frame,
                      struct raw_options *all, struct report *report)
{
    struct slice name, text;
    SCRATCH_BUF(value, ENV_FILE_MAX);

    if (slice_starts(line, "export "))
        line = slice_trim(slice_from(line, 7));
    if (!slice_cut(line, '=', &name, &text) || !variable_is_name(name = slice_trim(name))) {
        report_wrong(report, "%swant NAME=VALUE", frame->place);
        return;
    }
    if (!variable_read_value(text, &value))
        report_wrong(report, "%sthe quotes of " SLICE_FMT " do not close", frame->place,
                     SLICE_ARG(name));
    else
        read_variable(c, name, buf_slice(&value), frame, all);
    if (value.ptr)
        explicit_bzero(value.ptr, value.room);
}

void variables_read_file(struct config *c, const char *path, struct raw_options *all,
                         struct report *report)
{
    struct arena *arena = &c->metadata->arena;
    const char *slash = strrchr(path, '/');
    struct raw_option frame = {.source = CONFIG_FROM_ENV_FILE,
                               .from = arena_fmt(arena, "env-file:%s", path)};
    SCRATCH_BUF(bytes, ENV_FILE_MAX);
    unsigned n_lines = 0;

    frame.base_dir = arena_text(
        arena, slash && slash > path ? slice_make(path, (size_t)(slash - path)) : SLICE_LIT("/"));
    int r = file_read(path, ENV_FILE_MAX, &bytes);
    if (r != FILE_DONE)
        report_wrong(report, "%s: %s", path, file_complaint(r));
    for (struct slice rest = buf_slice(&bytes), line; r == FILE_DONE && rest.len > 0;) {
        if (!slice_cut(rest, '\n', &line, &rest)) {
            line = rest;
            rest.len = 0;
        }
        frame.place = arena_fmt(arena, "%s:%u: ", path, ++n_lines);
        line = slice_trim(line);
        if (line.len > 0 && line.ptr[0] != '#')
            read_line(c, line, &frame, all, report);
    }
    if (bytes.ptr)
        explicit_bzero(bytes.ptr, bytes.room);
}
