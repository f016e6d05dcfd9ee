/* load: the order of reading. The command line comes first because it names the files; then the
 * environment, which may name them too; then the env files; last the config file. Values are
 * read when all is there, so precedence is decided in one place (apply.c) and an error of one
 * source does not hide those of another. Before threads start. */
#include "base/memory.h"
#include "config/merge.h"
#include "config/cli.h"
#include "config/config.h"
#include "config/cross_checks.h"
#include "config/variables.h"
#include "config/help.h"
#include "config/load.h"
#include "config/print.h"
#include "config/environment.h"
#include "config/value.h"
#include "config/yaml_file.h"

struct config *load_new(void)
{
    struct config *c = MEM_NEW(struct config);
    c->metadata = MEM_NEW(struct config_metadata);
    return c;
}

struct config *config_free(struct config *c)
{
    if (c) {
        arena_deinit(&c->metadata->arena);
        mem_free(c->metadata);
        mem_free(c);
    }
    return NULL;
}

/* The words of an option that says where to read from; errors in them are left to apply. */
static struct config_list sources_of(struct config *c, unsigned id)
{
    const struct raw_option *g = raw_option_find(&c->metadata->raw_options, id);
    struct config_list words = {0};
    struct value_refusal refusal;

    if (g) {
        for (size_t i = 0; i < g->words.n_items; i++)
            arena_list_add(&c->metadata->arena, &words, g->words.items[i]);
        if (!value_read(option_at(id), &words, &c->metadata->arena, g->base_dir, NULL, &refusal))
            words.n_items = 0;
    }
    return words;
}

static void read_files(struct config *c, struct report *report)
{
    struct config_list env_files = sources_of(c, OPTION_ID_env_file), files;

    for (size_t i = 0; i < env_files.n_items; i++)
        variables_read_file(c, env_files.items[i], &c->metadata->raw_options, report);
    files = sources_of(c, OPTION_ID_config);
    if (files.n_items > 0)
        yaml_file_read(c, files.items[files.n_items - 1], report);
}

static void note_options(struct config *c)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        if (!option_is_default(c, id))
            config_note_option(c, id);
    }
}

void load_build(struct config *c, struct report *report)
{
    read_files(c, report);
    merge_defaults(c);
    merge_raw_options(c, report);
    environment_fill(c);
    cross_check(c, report);
    note_options(c);
}

static bool is_no_env(struct config *c, char **envp)
{
    const struct raw_option *g = raw_option_find(&c->metadata->raw_options, OPTION_ID_no_env);
    const char *text = g ? g->words.items[0] : variables_get(envp, "HYPHA_NO_ENV");
    bool is_on = false;

    return text && value_read_flag(slice_of(text), &is_on) && is_on;
}

/* How many: what `check` says beside the errors, and when there are none. */
static unsigned print_notices(const struct config *c, bool is_strict, FILE *err)
{
    static const char *const words[] = {[CONFIG_NOTE_IDLE] = "notice",
                                        [CONFIG_NOTE_NOTICE] = "notice",
                                        [CONFIG_NOTE_WARN] = "warning"};
    unsigned n = 0;

    for (size_t i = 0; i < c->n_notes; i++) {
        const struct config_note *note = &c->notes[i];
        if (note->kind == CONFIG_NOTE_OPTION)
            continue;
        fprintf(err, "hyphad: %s%s: %s: %s\n", words[note->kind],
                is_strict ? " (refused by --strict)" : "", note->name, note->text);
        n++;
    }
    return n;
}

/* Of a set without errors. */
static int finish_check(const struct config *c, const struct cli *cli,
                        const struct config_program *p)
{
    int exit_code = CONFIG_EXIT_OK;

    if (print_notices(c, cli->is_strict, p->err) > 0 && cli->is_strict)
        exit_code = CONFIG_EXIT_WRONG;
    if (exit_code == CONFIG_EXIT_OK && !cli->is_online)
        fputs("ok\n", p->out);
    return exit_code;
}

static int print_subject(const struct config *c, const struct cli *cli,
                         const struct config_program *p)
{
    if (!cli->subject)
        print_config(c, cli->is_changed, p->out);
    else if (strcmp(cli->subject, "env") == 0)
        print_variables(c, p->out);
    else
        print_defaults(c, p->out);
    return CONFIG_EXIT_OK;
}

/* Commands that need no values. Whether it was one. */
static bool answer_at_once(const struct cli *cli, const struct config_program *p, int *ret_exit)
{
    *ret_exit = CONFIG_EXIT_OK;
    if (cli->command == CLI_VERSION)
        print_version(p->out, p->libraries);
    else if (cli->command == CLI_HELP && cli->subject)
        *ret_exit = help_print_topic(p->out, p->err, cli->subject);
    else if (cli->command == CLI_HELP)
        help_print(p->out, cli->is_all);
    else if (cli->command == CLI_CONFIG && cli->subject && strcmp(cli->subject, "doc") == 0)
        print_document(p->out);
    else
        return false;
    fflush(p->out);
    return true;
}

/* An outcome of config_load, for a set that is right. */
static int load_act(const struct config *c, const struct cli *cli, const struct config_program *p,
                    int *ret_exit)
{
    switch (cli->command) {
    case CLI_SERVE:
        return CONFIG_SERVE;
    case CLI_TOKEN:
        return CONFIG_GENERATE_TOKEN;
    case CLI_BACKUP:
        return CONFIG_BACKUP;
    case CLI_RELOAD:
        return CONFIG_RELOAD;
    case CLI_STOP:
        return CONFIG_STOP;
    case CLI_CHECK:
        *ret_exit = finish_check(c, cli, p);
        if (*ret_exit == CONFIG_EXIT_OK && cli->is_online)
            return CONFIG_CHECK_ONLINE;
        break;
    default:
        *ret_exit = print_subject(c, cli, p);
        break;
    }
    fflush(p->out);
    return CONFIG_EXIT;
}

/* What a start has to say goes where its log would go, in the format that was asked for. */
static void print_errors(const struct config *c, const struct cli *cli, struct report *report,
                         FILE *err)
{
    bool is_log = cli->command == CLI_SERVE &&
                  c->metadata->settings[OPTION_ID_log_format].source != CONFIG_FROM_DEFAULT;

    report_print(report, err, is_log, (enum log_format)c->log_format);
}

int config_load(const struct config_program *p, struct config **ret_config, int *ret_exit)
{
    struct config *c = load_new();
    struct report report = {0};
    struct cli cli;
    int outcome = CONFIG_EXIT;

    environment_read(c->metadata, p->envp);
    cli_read(p->argc, p->argv, c->metadata->around.cwd, &c->metadata->arena, &cli,
             &c->metadata->raw_options, &report);
    if (cli.command == CLI_EXPLAIN) {
        (void)config_free(c);
        return CONFIG_EXPLAIN;
    }
    if (answer_at_once(&cli, p, ret_exit))
        goto out;
    if (cli.command == CLI_MIRROR)
        report_wrong(&report, "mirror: not built in");
    else if (cli.command == CLI_CONFIG && cli.subject && strcmp(cli.subject, "defaults") == 0)
        c->metadata->raw_options.n_items = 0;
    else
        variables_read(c, p->envp, !is_no_env(c, p->envp));
    if (cli.command != CLI_MIRROR)
        load_build(c, &report);
    *ret_exit = report_exit(&report);
    if (*ret_exit == CONFIG_EXIT_OK) {
        c->token_request = cli.token;
        c->backup = cli.backup;
        outcome = load_act(c, &cli, p, ret_exit);
    } else if (cli.command == CLI_CHECK) {
        print_errors(c, &cli, &report, p->err);
        (void)print_notices(c, cli.is_strict, p->err);
    }
out:
    print_errors(c, &cli, &report, p->err);
    fflush(p->err);
    if (outcome == CONFIG_EXIT)
        c = config_free(c);
    else
        *ret_config = c;
    return outcome;
}
