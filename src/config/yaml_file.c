/* yaml_file: one mapping of option names to scalars or sequences of scalars. libyaml's events
 * are walked with a three-state machine; nothing nests, so there is no recursion and nothing an
 * alias could blow up. Scalars are texts whatever YAML would make of them: "on" and 0x10 mean
 * what they mean on the command line. */
#include "config/yaml_file.h"

#include <yaml.h>

#include "config/config_file.h"
#include "config/value.h"

enum { YAML_FILE_MAX = 1 << 20 };
enum state { AT_START, AT_KEY, AT_VALUE, IN_LIST, AT_END };

struct reader {
    struct config *config;
    struct arena *arena;
    struct report *report;
    const char *path;
    enum state state;
    /* the entry under way; option OPTION_COUNT: complained about already */
    struct raw_option raw;
    struct config_list keys; /* normal names seen, for duplicates */
    bool is_secret_inside;
};

static const char *place_of(struct reader *r, size_t line)
{
    return arena_fmt(r->arena, "%s:%zu: ", r->path, line + 1);
}

static void yaml_file_read_key(struct reader *r, const yaml_event_t *event)
{
    struct slice key = slice_make(event->data.scalar.value, event->data.scalar.length);
    size_t line = event->start_mark.line;
    const char *place = place_of(r, line);
    bool is_secret_file = false;
    unsigned id = option_find_with_secret_file(key, true, &is_secret_file);

    r->raw = (struct raw_option){.option = id,
                                 .source = CONFIG_FROM_FILE,
                                 .place = place,
                                 .is_secret_file = is_secret_file,
                                 .base_dir = r->raw.base_dir};
    r->raw.from = arena_fmt(r->arena, "file:%zu", line + 1);
    r->raw.name = arena_text(r->arena, key);
    if (id == OPTION_COUNT) {
        SCRATCH_BUF(dashed, 0);
        for (size_t i = 0; i < key.len; i++)
            buf_add_byte(&dashed, (uint8_t)(key.ptr[i] == '_' ? '-' : key.ptr[i]));
        const char *near = option_nearest(buf_slice(&dashed));
        report_wrong(r->report,
                     near ? "%sunknown key \"" SLICE_FMT "\" (did you mean \"%s\"?%s)"
                          : "%sunknown key \"" SLICE_FMT "\" (see hyphad --help)%s%s",
                     place, SLICE_ARG(key), near ? near : "", near ? option_caveat(near) : "");
        return;
    }
    const struct option *o = option_at(id);
    const char *normal = is_secret_file ? arena_fmt(r->arena, "%s-file", o->name) : o->name;
    for (size_t i = 0; i < r->keys.n_items; i++) {
        if (strcmp(r->keys.items[i], normal) == 0) {
            report_wrong(r->report, "%skey \"%s\" stands here twice", place, normal);
            r->raw.option = OPTION_COUNT;
            return;
        }
    }
    arena_list_add(r->arena, &r->keys, normal);
    if (o->marks & OPTION_SOURCE) {
        report_wrong(r->report, "%s\"%s\" cannot stand in a file", place, normal);
        r->raw.option = OPTION_COUNT;
    }
    r->is_secret_inside |= (o->marks & OPTION_SECRET) && !is_secret_file;
}

static void finish_entry(struct reader *r)
{
    if (r->raw.option != OPTION_COUNT)
        raw_option_add(&r->config->metadata->raw_options, r->arena, r->raw);
    r->state = AT_KEY;
}

static void add_scalar(struct reader *r, const yaml_event_t *event)
{
    struct slice text = slice_make(event->data.scalar.value, event->data.scalar.length);

    if (slice_has_byte(text, 0)) {
        report_wrong(r->report, "%s\"%s\" contains a zero byte", r->raw.place, r->raw.name);
        r->raw.option = OPTION_COUNT;
    }
    if (r->raw.option == OPTION_COUNT)
        return;
    const struct option *o = option_at(r->raw.option);
    if (r->state == AT_VALUE && (option_is_list(o) || option_is_comma(o)))
        value_split(o, text, r->arena, &r->raw.words);
    else if (text.len > 0 || !option_is_text(o))
        arena_list_add(r->arena, &r->raw.words, arena_text(r->arena, text));
}

static bool refuse_event(struct reader *r, const yaml_event_t *event, const char *what)
{
    report_wrong(r->report, "%s%s", place_of(r, event->start_mark.line), what);
    return false;
}

static bool yaml_file_read_scalar(struct reader *r, const yaml_event_t *event)
{
    if (event->data.scalar.anchor || event->data.scalar.tag)
        return refuse_event(r, event, "anchors and tags are not taken");
    switch (r->state) {
    case AT_KEY:
        yaml_file_read_key(r, event);
        r->state = AT_VALUE;
        return true;
    case AT_VALUE:
        add_scalar(r, event);
        finish_entry(r);
        return true;
    case IN_LIST:
        add_scalar(r, event);
        return true;
    default:
        /* An empty document is an empty plain scalar. */
        return event->data.scalar.length == 0 ||
               refuse_event(r, event, "want a mapping: KEY: VALUE");
    }
}

static bool read_sequence(struct reader *r, const yaml_event_t *event)
{
    if (r->state != AT_VALUE)
        return refuse_event(
            r, event, r->state == AT_START ? "want a mapping: KEY: VALUE" : "nesting is not taken");
    if (event->data.sequence_start.anchor || event->data.sequence_start.tag)
        return refuse_event(r, event, "anchors and tags are not taken");
    if (r->raw.option != OPTION_COUNT) {
        const struct option *o = option_at(r->raw.option);
        if (!option_is_list(o) && !option_is_comma(o)) {
            report_wrong(r->report, "%s\"%s\" takes one value, not a list", r->raw.place, o->name);
            r->raw.option = OPTION_COUNT;
        }
    }
    r->state = IN_LIST;
    return true;
}

/* Whether to go on. */
static bool read_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return yaml_file_read_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(r, event);
    case YAML_ALIAS_EVENT:
        return refuse_event(r, event, "aliases are not taken");
    case YAML_MAPPING_START_EVENT:
        if (r->state != AT_START)
            return refuse_event(r, event, "nesting is not taken");
        if (event->data.mapping_start.anchor || event->data.mapping_start.tag)
            return refuse_event(r, event, "anchors and tags are not taken");
        r->state = AT_KEY;
        return true;
    case YAML_SEQUENCE_END_EVENT:
        finish_entry(r);
        return true;
    case YAML_MAPPING_END_EVENT:
        r->state = AT_END;
        return true;
    case YAML_DOCUMENT_START_EVENT:
        return r->state == AT_START || refuse_event(r, event, "one document only");
    case YAML_STREAM_END_EVENT:
        return false;
    default:
        return true;
    }
}

static void yaml_file_walk(struct reader *r, struct slice bytes)
{
    yaml_parser_t parser;
    bool is_going = true;

    ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes.ptr, bytes.len);
    while (is_going) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            size_t line = parser.problem_mark.line;
            report_wrong(r->report, "%s:%zu: not YAML: %s", r->path, line + 1,
                         parser.problem ? parser.problem : "unreadable");
            break;
        }
        is_going = read_event(r, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

void yaml_file_read(struct config *c, const char *path, struct report *report)
{
    struct reader r = {.config = c, .arena = &c->metadata->arena, .report = report, .path = path};
    const char *slash = strrchr(path, '/');
    SCRATCH_BUF(bytes, 0);

    r.raw.base_dir = arena_text(
        r.arena, slash && slash > path ? slice_make(path, (size_t)(slash - path)) : SLICE_LIT("/"));
    int e = file_read(path, YAML_FILE_MAX, &bytes);
    if (e != FILE_DONE)
        report_wrong(report, "%s: %s", path, file_complaint(e));
    else if (bytes.len > 0)
        yaml_file_walk(&r, buf_slice(&bytes));
    if (r.is_secret_inside && file_is_public(path))
        config_note_add(c, CONFIG_NOTE_WARN, "config",
                        "a secret is in a file that everybody can read", path);
    if (bytes.ptr)
        explicit_bzero(bytes.ptr, bytes.room);
}

const char *yaml_file_library(void)
{
    return yaml_get_version_string();
}
