/* req: C-042 */
#include "config_kit.h"

static void rewrite(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    CHECK(f);
    fputs(text, f);
    fclose(f);
}

static int reload(const struct config *old, struct config **ret_config, char **ret_err)
{
    size_t n;
    FILE *err = open_memstream(ret_err, &n);
    int outcome = config_reload(old, err, ret_config);
    fclose(err);
    return outcome;
}

CASE(files_are_read_again_and_the_rest_stays)
{
    char *path = kit_file("loglevel: info\nmax-body: 1M\nbacklog: 100\n"), *err = NULL;
    struct run r;
    struct config *c = NULL;

    kit_good(&r, WORDS("HYPHA_MAX_HEADERS=50", "HOME=/tmp"),
             WORDS("--config", path, "--drain-delay=3"));
    rewrite(path, "loglevel: debug\nmax-headers: 60\ndrain-delay: 4\nallow-origins: [http://a]\n"
                  "backlog: 200\nport: 7\nhttp-rate-limit: none\n");
    /* The environment and the command line of the start are kept in the config. */
    memset(r.argv[2], 'x', strlen(r.argv[2]));
    memset(r.envp[0], 'x', strlen(r.envp[0]));
    CHECK_INT(reload(r.config, &c, &err), CONFIG_SERVE);
    CHECK_TEXT(err, "");
    CHECK_INT(c->loglevel, 0);
    CHECK_INT(c->max_body_bytes, 100 << 20); /* no longer given: the default again */
    CHECK_INT(c->max_headers, 50);
    CHECK_INT(c->drain_delay_ms, 3000);
    CHECK(c->http_rate_limit <= 0);
    CHECK_TEXT(c->allow_origins.items[0], "http://a");
    /* These need a restart. */
    CHECK_INT(c->port, 9527);
    CHECK_INT(c->backlog, 100);
    CHECK_TEXT(c->data_dir, "/tmp/.local/state/hyphad/9527");
    CHECK_INT(kit_n_notes(c, CONFIG_NOTE_WARN), 1);
    CHECK_TEXT(c->notes[c->n_notes - 1].name, "port, backlog");
    CHECK_INT(kit_n_notes(c, CONFIG_NOTE_OPTION), 4);
    CHECK(kit_note(c, "loglevel") && kit_note(c, "max-body") && !kit_note(c, "max-headers"));
    CHECK_INT(r.config->loglevel, 1);

    /* And again, from the new set. */
    struct config *next = NULL;
    char *again = NULL;
    rewrite(path, "loglevel: warn\n");
    CHECK_INT(reload(c, &next, &again), CONFIG_SERVE);
    config_free(c);
    CHECK_INT(next->loglevel, 2);
    CHECK_INT(next->backlog, 100);
    CHECK_INT(next->max_headers, 50);
    config_free(next);
    free(again);
    free(err);
    kit_end(&r);
    kit_unlink(path);
}

CASE(a_broken_file_changes_nothing)
{
    static const char *const broken[] = {"loglevel: loud\n", "nope: 1\n", "port: [\n",
                                         "max-message: 512M\n", "enable-s3: true\n"};
    char *path = kit_file("loglevel: info\n");
    struct run r;

    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--config", path));
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct config *c = NULL;
        char *err = NULL;
        rewrite(path, broken[i]);
        CHECK_INT(reload(r.config, &c, &err), CONFIG_EXIT);
        CHECK(!c && strstr(err, "hyphad: "));
        CHECK_INT(r.config->loglevel, 1);
        free(err);
    }
    kit_end(&r);
    kit_unlink(path);
}

/* The set that would run is checked too: an old value that stays may contradict a new one. */
CASE(the_mixture_is_checked)
{
    char *path = kit_file("process-bytes: 100M\n"), *err = NULL;
    struct run r;
    struct config *c = NULL;

    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--config", path));
    rewrite(path, "process-bytes: 300M\npeer-bytes: 200M\n");
    CHECK_INT(reload(r.config, &c, &err), CONFIG_EXIT);
    CHECK_TEXT(err, "hyphad: --peer-bytes (200M) must not pass --process-bytes (100M)\n");
    free(err);
    kit_end(&r);
    kit_unlink(path);
}

CASE(a_hundred_reloads_keep_no_memory)
{
    char *path = kit_file("loglevel: info\n");
    struct run r;
    struct config *c = NULL;

    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--config", path));
    c = r.config;
    for (int i = 0; i < 100; i++) {
        struct config *next = NULL;
        char *err = NULL;
        rewrite(path, i % 2 ? "loglevel: info\n" : "loglevel: debug\n");
        CHECK_INT(reload(c, &next, &err), CONFIG_SERVE);
        CHECK_INT(next->loglevel, i % 2);
        CHECK_INT(next->n_notes, 1);
        config_free(c);
        free(err);
        c = next;
    }
    r.config = c;
    kit_end(&r);
    kit_unlink(path);
}

CASES(RUN(files_are_read_again_and_the_rest_stays), RUN(a_broken_file_changes_nothing),
      RUN(the_mixture_is_checked), RUN(a_hundred_reloads_keep_no_memory))
