/* req: C-002 C-033 C-034 C-076 */
#include "config/option.h"
#include "config_kit.h"

/* Runs a listing that must succeed. */
static char *listing(struct run *r, const char *const *env, const char *const *args)
{
    kit_run(r, env, args);
    CHECK_INT(r->outcome, CONFIG_EXIT);
    CHECK_TEXT(r->err, "");
    CHECK_INT(r->exit, 0);
    return r->out;
}

static int n_lines_with(const char *text, const char *start)
{
    int n = 0;
    for (const char *at = text; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        n += strncmp(at, start, strlen(start)) == 0;
    return n;
}

static int n_lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* Without the breaks of lines, which may fall within a list. */
static void squeeze(char *text)
{
    char *to = text;

    for (const char *c = text; *c; c++) {
        if (*c != ' ' && *c != '\n')
            *to++ = *c;
    }
    *to = 0;
}

static int n_times(const char *text, const char *part)
{
    int n = 0;

    while ((text = strstr(text, part))) {
        n++;
        text += strlen(part);
    }
    return n;
}

static void check_narrow(const char *text)
{
    for (const char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        if (end - at > 79)
            check_fail(__FILE__, __LINE__, "a line of %d columns: %.*s", (int)(end - at),
                       (int)(end - at), at);
    }
}

/* Of each option that is listed there is one row, with its default; with all, its variable too. */
static void check_rows(char *out, bool is_all)
{
    squeeze(out);
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        char help[1024], name[1152], row[2048];
        SCRATCH_BUF(variable, 0);
        option_variable(o, &variable);
        buf_add_byte(&variable, 0);
        snprintf(help, sizeof(help), "%s", o->help);
        squeeze(help);
        snprintf(name, sizeof(name), "--%s%s", o->name, o->kind == OPTION_FLAG ? help : "");
        if (is_all)
            snprintf(row, sizeof(row), "%s%s(default%s;%s)", help, option_status_word(o),
                     option_default_word(o), variable.ptr);
        else if (o->default_text || o->shown)
            snprintf(row, sizeof(row), "%s(default%s)", help, option_default_word(o));
        else
            snprintf(row, sizeof(row), "%s", help);
        squeeze(row);
        bool is_listed = is_all || option_is_built(o);
        if (is_listed != (strstr(out, row) != NULL) || (is_listed && !strstr(out, name)))
            check_fail(__FILE__, __LINE__, "--%s: %s is %s there", o->name, row,
                       is_listed ? "not" : "still");
    }
}

CASE(help_names_every_option_that_is_built)
{
    struct run r;
    int n_built = 0;

    for (unsigned id = 0; id < OPTION_COUNT; id++)
        n_built += option_is_built(option_at(id));
    char *out = listing(&r, WORDS(), WORDS("--help"));
    check_narrow(out);
    CHECK_INT(n_lines_with(out, "  --") + n_lines_with(out, "  -p, --port ") +
                  n_lines_with(out, "  -c, --config "),
              n_built);
    CHECK_INT(n_times(out, "not built in]"), 0);
    check_rows(out, false);
    kit_end(&r);
    out = listing(&r, WORDS(), WORDS("help", "--all"));
    check_narrow(out);
    CHECK_INT(n_lines_with(out, "  --") + n_lines_with(out, "  -p, --port ") +
                  n_lines_with(out, "  -c, --config "),
              OPTION_COUNT);
    check_rows(out, true);
    kit_end(&r);
}

CASE(help_is_in_groups)
{
    struct run r;
    const char *title;
    char *out = listing(&r, WORDS(), WORDS("--help", "--all"));

    for (unsigned n = 0; (title = option_group_at(n)); n++) {
        char line[96];
        int n_options = 0;
        snprintf(line, sizeof(line), "\n%s:\n", title);
        CHECK_INT(n_times(out, line), 1);
        for (unsigned id = 0; id < OPTION_COUNT; id++)
            n_options += strcmp(option_group_of(id), title) == 0;
        CHECK(n_options > 0);
    }
    CHECK_TEXT(option_group_of(OPTION_ID_port), "Listening");
    CHECK_TEXT(option_group_of(OPTION_ID_drain_delay_ms), "Stopping");
    kit_end(&r);
}

CASE(help_of_a_command)
{
    static const char *const commands[] = {"check",          "config", "reload",  "stop",
                                           "generate-token", "backup", "explain", "version"};
    struct run r;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        char usage[64], *by_help;
        snprintf(usage, sizeof(usage), "Usage: hyphad %s", commands[i]);
        char *out = listing(&r, WORDS(), WORDS(commands[i], "--help"));
        check_narrow(out);
        CHECK(strncmp(out, usage, strlen(usage)) == 0);
        by_help = strdup(out);
        kit_end(&r);
        out = listing(&r, WORDS(), WORDS("help", commands[i]));
        CHECK(strncmp(out, by_help, strlen(by_help)) == 0); /* config is an option too */
        free(by_help);
        kit_end(&r);
    }
}

CASE(short_words_stand_for_long_ones)
{
    struct run r;
    char *path = kit_file("backlog: 77\n");

    kit_good(&r, WORDS("HOME=/tmp"), WORDS("-p", "7", "-c", path));
    CHECK_INT(r.config->port, 7);
    CHECK_INT(r.config->backlog, 77);
    kit_end(&r);
    CHECK(strncmp(listing(&r, WORDS(), WORDS("-v")), "hyphad ", 7) == 0);
    kit_end(&r);
    CHECK(strncmp(listing(&r, WORDS(), WORDS("version")), "hyphad ", 7) == 0);
    kit_end(&r);
    kit_bad(WORDS(), WORDS("-p"), 2, "hyphad: missing value for --port\n");
    kit_bad(WORDS(), WORDS("-x"), 2, "hyphad: unknown option -x (see hyphad --help)\n");
    kit_unlink(path);
}

CASE(config_tells_what_was_changed)
{
    struct run r;

    CHECK_TEXT(listing(&r, WORDS("HOME=/tmp", "HYPHA_BACKLOG=77"),
                       WORDS("config", "--changed", "-p", "7", "--loglevel=info")),
               "port: 7  # cli\nbacklog: 77  # env:HYPHA_BACKLOG\n");
    kit_end(&r);
    kit_bad(WORDS("HOME=/tmp"), WORDS("config", "env", "--changed"), 2,
            "hyphad: unknown option --changed (see hyphad --help)\n");
}

CASE(the_document_names_every_option_once)
{
    struct run r;
    char *out = listing(&r, WORDS(), WORDS("config", "doc"));

    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        char start[96];
        snprintf(start, sizeof(start), "| `--%s` |", option_at(id)->name);
        CHECK_INT(n_lines_with(out, start), 1);
    }
    CHECK_INT(n_lines_with(out, "| `--"), OPTION_COUNT);
    kit_end(&r);
}

/* Run ./dev docs when this fails. */
CASE(the_committed_document_is_up_to_date)
{
    struct run r;
    size_t len;
    char *committed = check_read("../docs/OPTIONS.md", &len);

    CHECK_TEXT(listing(&r, WORDS(), WORDS("config", "doc")), committed);
    free(committed);
    kit_end(&r);
}

CASE(help_of_one_option)
{
    struct run r;

    CHECK(strstr(listing(&r, WORDS(), WORDS("help", "port")), "an integer 0..65535"));
    kit_end(&r);
    CHECK(strstr(listing(&r, WORDS(), WORDS("help", "--jwt-secret")), "--jwt-secret-file PATH"));
    kit_end(&r);
    CHECK(strstr(listing(&r, WORDS(), WORDS("help", "HYPHA_PORT")), "--port\n"));
    kit_end(&r);
    CHECK(strstr(listing(&r, WORDS(), WORDS("help", "interactive")), "admin-utils"));
    kit_end(&r);
    kit_bad(WORDS(), WORDS("help", "prot"), 2,
            "hyphad: unknown option prot (did you mean --port?)\n");
    kit_bad(WORDS(), WORDS("help", "relod"), 2,
            "hyphad: unknown command relod (did you mean reload?)\n");
    kit_bad(WORDS(), WORDS("help", "qqqqqqqqqq"), 2,
            "hyphad: no option or command has the name qqqqqqqqqq (see hyphad --help)\n");
}

CASE(version_says_what_it_is_made_of)
{
    struct run r;
    char *out = listing(&r, WORDS("HYPHA_PORT=abc"), WORDS("--version"));

    CHECK(strncmp(out, "hyphad ", 7) == 0 && strstr(out, "libyaml 0.") &&
          strstr(out, "library 1.0"));
    kit_end(&r);
}

CASE(the_printed_configuration_reads_back_the_same)
{
    static const char *const args[] = {"config",
                                       "--port=9100",
                                       "--static-mounts",
                                       "/a:/tmp",
                                       "/b:/",
                                       "--drain-delay=500ms",
                                       "--access-log",
                                       "--http-rate-limit",
                                       "none",
                                       "--allow-origins",
                                       "http://a, http://b",
                                       "--max-body=7M",
                                       "--base-path=/my/engine",
                                       "--database-uri=sqlite:///x.db",
                                       "--public-base-url=https://h/",
                                       "--auth0-namespace=a \"b\" # c: \\d",
                                       "--log-rate=0.5",
                                       "--workspace-bucket=b",
                                       "--host",
                                       "::1",
                                       NULL};
    struct run first, again;
    char *path, copy[32768], *save = NULL;

    listing(&first, WORDS("HOME=/tmp"), args);
    CHECK(n_lines_with(first.out, "port: 9100  # cli") == 1);
    CHECK(n_lines_with(first.out, "backlog: 4096  # default") == 1);
    CHECK_INT(n_lines(first.out), OPTION_COUNT);
    path = kit_file(first.out);
    listing(&again, WORDS(), WORDS("config", "--config", path));
    CHECK_INT(n_lines(again.out), OPTION_COUNT);
    /* The same but for the sources and the line that names the file. */
    snprintf(copy, sizeof(copy), "%s", first.out);
    const char *other = again.out;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *end = strstr(line, "  # ");
        CHECK(end);
        if (strncmp(line, "# config:", 9) != 0 &&
            strncmp(line, other, (size_t)(end + 4 - line)) != 0)
            check_fail(__FILE__, __LINE__, "%s became %.80s", line, other);
        other = strchr(other, '\n') + 1;
    }
    kit_end(&first);
    kit_end(&again);
    kit_unlink(path);
}

CASE(defaults_are_a_file_too)
{
    struct run r;
    char *path;

    path = kit_file(listing(&r, WORDS("HOME=/tmp", "HYPHA_PORT=7"), WORDS("config", "defaults")));
    CHECK(n_lines_with(r.out, "port: 9527") == 1);
    kit_end(&r);
    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--config", path));
    CHECK_INT(r.config->port, 9527);
    CHECK_INT(kit_n_notes(r.config, CONFIG_NOTE_WARN) + kit_n_notes(r.config, CONFIG_NOTE_NOTICE) +
                  kit_n_notes(r.config, CONFIG_NOTE_IDLE),
              0);
    kit_end(&r);
    kit_unlink(path);
}

CASE(variables_show_their_setting)
{
    struct run r;
    char *out = listing(&r, WORDS("HYPHA_PORT=7", "JWT_SECRET=0123456789"), WORDS("config", "env"));

    CHECK_INT(n_lines_with(out, "HYPHA_"), OPTION_COUNT);
    CHECK(n_lines_with(out, "HYPHA_PORT=7") == 1);
    CHECK(n_lines_with(out, "HYPHA_JWT_SECRET=********") == 1);
    kit_end(&r);
}

static void check_hidden(const char *text, const char *secret)
{
    for (size_t i = 0; text && i + 8 <= strlen(secret); i++) {
        if (memmem(text, strlen(text), secret + i, 8))
            check_fail(__FILE__, __LINE__, "a secret shows: %s", text);
    }
}

/* All that a run shows, with the secret in each place it can be given in. */
CASE(secrets_show_nowhere)
{
    static const char secret[] = "qZ7Kx9Lm2Vw4Nc6Bd8Fg1Hj3Pr5Ts0Yu";
    static const char *const commands[][2] = {
        {"run", NULL}, {"check", NULL}, {"config", NULL}, {"config", "env"}, {"chek", NULL}};

    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        char joined[320], twin[160], uri[120], variable[320];
        struct buf name;
        if (!(o->marks & (OPTION_SECRET | OPTION_URI_SECRET)))
            continue;
        snprintf(uri, sizeof(uri), "redis://user:%s@host/0", secret);
        const char *value = o->marks & OPTION_SECRET ? secret : uri;
        buf_init(&name, 0);
        option_variable(o, &name);
        snprintf(joined, sizeof(joined), "--%s=%s", o->name, value);
        snprintf(twin, sizeof(twin), "--%s", o->name);
        snprintf(variable, sizeof(variable), SLICE_FMT "=%s", SLICE_ARG(buf_slice(&name)), value);
        buf_deinit(&name);
        for (size_t k = 0; k < ARRAY_LEN(commands); k++) {
            for (int form = 0; form < 5; form++) {
                const char *args[6] = {commands[k][0], commands[k][1]};
                const char *env[] = {form == 2 ? variable : "HOME=/tmp", NULL};
                size_t n = commands[k][1] ? 2 : 1;
                args[n] = form == 0 ? joined : form == 2 ? NULL : form == 4 ? "--root-tokne" : twin;
                if (form == 1 || form >= 3)
                    args[n + 1] = value;
                if (form == 3)
                    args[n + 2] = value; /* one word too many */
                struct run r;
                kit_run(&r, env, args);
                check_hidden(r.out, secret);
                check_hidden(r.err, secret);
                for (int i = 0; r.argv[i] && form < 3; i++)
                    check_hidden(r.argv[i], secret);
                for (size_t i = 0; r.config && i < r.config->n_notes; i++)
                    check_hidden(r.config->notes[i].text, secret);
                kit_end(&r);
            }
        }
    }
}

CASE(check_says_ok_or_all_errors)
{
    struct run r;

    CHECK_TEXT(listing(&r, WORDS("HOME=/tmp"), WORDS("check", "--port=1", "--data-dir=/tmp/none")),
               "ok\n");
    CHECK(access("/tmp/none", F_OK) < 0);
    kit_end(&r);
    kit_bad(WORDS(), WORDS("check", "--port=x", "--enable-s4", "--max-body=x"), 2,
            "hyphad: unknown option --enable-s4 (did you mean --enable-s3? it is not built in)\n"
            "hyphad: bad value for --port: \"x\" (want an integer 0..65535)\n"
            "hyphad: bad value for --max-body: \"x\" (want a size 1K..16G)\n");
    kit_bad(WORDS("HOME=/tmp"), WORDS("check", "--strict", "--in-docker"), 78,
            "hyphad: notice (refused by --strict): in-docker: no effect: browsers run outside\n");
    kit_run(&r, WORDS("HOME=/tmp"), WORDS("check", "--in-docker"));
    CHECK_INT(r.exit, 0);
    CHECK_TEXT(r.out, "ok\n");
    kit_end(&r);
}

CASE(notes_tell_each_option_that_differs)
{
    struct run r;

    kit_good(&r, WORDS("HYPHA_PORT=7", "HOME=/tmp", "HYPHA_ZZZZZZZ=1"),
             WORDS("--drain-delay=5", "--access-log=false", "--backlog=4096", "--in-docker"));
    CHECK_INT(kit_n_notes(r.config, CONFIG_NOTE_OPTION), 3);
    CHECK_TEXT(kit_note(r.config, "port")->text, "7");
    CHECK_TEXT(kit_note(r.config, "port")->from, "env:HYPHA_PORT");
    CHECK_TEXT(kit_note(r.config, "drain-delay")->from, "cli");
    for (size_t i = 1; i < r.config->n_notes; i++) /* options, idle ones, notices, warnings */
        CHECK(r.config->notes[i - 1].kind <= r.config->notes[i].kind);
    CHECK_INT(r.config->n_notes, 5);
    kit_end(&r);
}

CASES(RUN(help_names_every_option_that_is_built), RUN(help_is_in_groups), RUN(help_of_a_command),
      RUN(short_words_stand_for_long_ones), RUN(config_tells_what_was_changed),
      RUN(the_document_names_every_option_once), RUN(the_committed_document_is_up_to_date),
      RUN(help_of_one_option), RUN(version_says_what_it_is_made_of),
      RUN(the_printed_configuration_reads_back_the_same), RUN(defaults_are_a_file_too),
      RUN(variables_show_their_setting), RUN(secrets_show_nowhere),
      RUN(check_says_ok_or_all_errors), RUN(notes_tell_each_option_that_differs))
