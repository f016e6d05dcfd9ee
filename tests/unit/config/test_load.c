/* req: C-001 C-003 C-004 C-005 C-006 C-007 C-008 C-009 C-010 C-011 C-012 C-013 C-014 C-017 C-018
 * req: C-019 C-020 C-021 C-022 C-023 C-035 */
#include "config/option.h"
#include "config_kit.h"

static void usage(const char *const *args, const char *err)
{
    kit_bad(WORDS(), args, CONFIG_EXIT_USAGE, err);
}

static void wrong(const char *const *args, const char *err)
{
    kit_bad(WORDS(), args, CONFIG_EXIT_WRONG, err);
}

CASE(command_line_errors_name_what_is_wrong)
{
    usage(WORDS("--nope-at-all"), "hyphad: unknown option --nope-at-all (see hyphad --help)\n");
    usage(WORDS("--prot=1"), "hyphad: unknown option --prot (did you mean --port?)\n");
    usage(WORDS("--prot", "1"), "hyphad: unknown option --prot (did you mean --port?)\n");
    usage(WORDS("--redis", "u"),
          "hyphad: unknown option --redis (did you mean --redis-uri? it is not built in)\n");
    usage(WORDS("--workers=4"), "hyphad: unknown option --workers (use --threads)\n");
    usage(WORDS("--log-level", "debug"), "hyphad: unknown option --log-level (use --loglevel)\n");
    usage(WORDS("--no-port"), "hyphad: unknown option --no-port (see hyphad --help)\n");
    usage(WORDS("--port"), "hyphad: missing value for --port\n");
    usage(WORDS("--host", "--port=1"), "hyphad: missing value for --host\n");
    usage(WORDS("--port=1", "foo"), "hyphad: stray word \"foo\"\n");
    usage(WORDS("--port=1", "check"),
          "hyphad: stray word \"check\" (commands come first: hyphad check)\n");
    usage(WORDS("chek"), "hyphad: unknown command \"chek\" (did you mean check?)\n");
    usage(WORDS("explan"), "hyphad: unknown command \"explan\" (did you mean explain?)\n");
    usage(WORDS("--port=1", "explain"),
          "hyphad: stray word \"explain\" (commands come first: hyphad explain)\n");
    usage(WORDS("versoin"), "hyphad: unknown command \"versoin\" (did you mean version?)\n");
    usage(WORDS("--access-log", "off"), "hyphad: stray word \"off\" (write --access-log=off)\n");
    usage(WORDS("--no-access-log=1"), "hyphad: --no-access-log takes no value\n");
}

CASE(bad_values_name_value_and_range)
{
    static const char *const bad[] = {"abc", "70000", "1_000", "0x10", "1e3", "1.5", "", "1 2"};
    char word[64], line[128];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(word, sizeof(word), "--port=%s", bad[i]);
        snprintf(line, sizeof(line),
                 "hyphad: bad value for --port: \"%s\" (want an integer 0..65535)\n", bad[i]);
        usage(WORDS(word), line);
    }
    usage(WORDS("--port", "-1"),
          "hyphad: bad value for --port: \"-1\" (want an integer 0..65535)\n");
    usage(
        WORDS("--redis-uri", "http://x"),
        "hyphad: bad value for --redis-uri: \"http://x\" (want redis://, rediss:// or unix://)\n");
    usage(WORDS("--access-log=enabled"),
          "hyphad: bad value for --access-log: \"enabled\" (want true or false)\n");
    usage(WORDS("--log-format", "xml"),
          "hyphad: bad value for --log-format: \"xml\" (want kv or json)\n");
    usage(WORDS("--loglevel", "loud"),
          "hyphad: bad value for --loglevel: \"loud\" (want debug, info, warn or error)\n");
    usage(WORDS("--max-frame", "1K"),
          "hyphad: bad value for --max-frame: \"1K\" (want a size 1M..1G)\n");
    usage(WORDS("--http-burst-limit", "0"),
          "hyphad: bad value for --http-burst-limit: \"0\" "
          "(want an integer 1..1000000000, or none for no limit)\n");
    usage(WORDS("--head-timeout", "none"),
          "hyphad: bad value for --head-timeout: \"none\" (want a time 100ms..1h)\n");
    usage(WORDS("--host", "a\nb"), "hyphad: bad value for --host: \"a\\x0ab\" "
                                   "(want an IPv4 or IPv6 address or a name)\n");
}

CASE(every_error_is_told_and_usage_decides)
{
    kit_bad(WORDS("HYPHA_WS_IDLE_TIMEOUT=abc"), WORDS("--enable-s3", "--prot=1"), 2,
            "hyphad: unknown option --prot (did you mean --port?)\n"
            "hyphad: bad value for HYPHA_WS_IDLE_TIMEOUT: \"abc\" "
            "(want a time 1s..1d, or none for no limit)\n"
            "hyphad: --enable-s3: not built in\n");
    wrong(WORDS("--enable-s3", "--interactive"),
          "hyphad: --enable-s3: not built in\n"
          "hyphad: --interactive: not supported (use the admin-utils service)\n");
}

CASE(bad_variables_name_the_variable)
{
    kit_bad(WORDS("HYPHA_PORT=abc"), WORDS(), 2,
            "hyphad: bad value for HYPHA_PORT: \"abc\" (want an integer 0..65535)\n");
    kit_bad(WORDS("HYPHA_ENABLE_S3=enabled"), WORDS(), 2,
            "hyphad: bad value for HYPHA_ENABLE_S3: \"enabled\" (want true or false)\n");
    kit_bad(WORDS("HYPHA_HTTP_RATE_LIMIT=0"), WORDS(), 2,
            "hyphad: bad value for HYPHA_HTTP_RATE_LIMIT: \"0\" "
            "(want a number above 0, up to 1000000000, or none for no limit)\n");
    kit_bad(WORDS("HYPHA_ENABLE_S3=1"), WORDS(), 78,
            "hyphad: --enable-s3 (env:HYPHA_ENABLE_S3): not built in\n");
}

/* One option of each type in all five sources; each row is what counts with the first n of them. */
CASE(the_stronger_source_wins)
{
    char *env_file = kit_file("HYPHA_PORT=3\nHYPHA_ACCESS_LOG=yes\nHYPHA_MAX_BODY=3K\n"
                              "HYPHA_DRAIN_DELAY=3\nHYPHA_HOST=h3\nHYPHA_ALLOW_ORIGINS=http://h3\n"
                              "HYPHA_LOG_FORMAT=kv\nHYPHA_LOG_RATE=3\nHYPHA_LOGLEVEL=warn\n");
    char *file = kit_file("port: 2\naccess-log: no\nmax-body: 2K\ndrain-delay: 2\nhost: h2\n"
                          "allow-origins: [http://h2, http://h2b]\nlog-format: json\nlog-rate: 2\n"
                          "loglevel: error\n");
    const char *env[] = {"HYPHA_PORT=4",          "HYPHA_ACCESS_LOG=off",
                         "HYPHA_MAX_BODY=4K",     "HYPHA_DRAIN_DELAY=4s",
                         "HYPHA_HOST=h4",         "HYPHA_ALLOW_ORIGINS=http://h4",
                         "HYPHA_LOG_FORMAT=json", "HYPHA_LOG_RATE=4",
                         "HYPHA_LOGLEVEL=DEBUG",  NULL};
    const char *args[16] = {"--config", file, "--env-file", env_file};
    const char *cli[] = {"--port=5",        "--access-log", "--max-body=5K",
                         "--drain-delay=5", "--host=h5",    "--allow-origins=http://h5",
                         "--log-format=kv", "--log-rate=5", "--loglevel=info"};
    const char *none[] = {NULL};
    static const int levels[] = {0, 1, 3, 2, 0, 1};

    for (unsigned n = 1; n <= 5; n++) {
        struct run r;
        char origin[32], host[8];
        memset(args, 0, sizeof(args));
        for (unsigned i = 0; i < 2 * (n > 2 ? 2 : n - 1); i++)
            args[i] = ((const char *[]){"--config", file, "--env-file", env_file})[i];
        for (unsigned i = 0; n == 5 && i < ARRAY_LEN(cli); i++)
            args[4 + i] = cli[i];
        kit_good(&r, n >= 4 ? env : none, args);
        const struct config *c = r.config;
        CHECK_INT(c->port, n == 1 ? 9527 : n);
        CHECK_INT(c->access_log, n == 3 || n == 5);
        CHECK_INT(c->max_body_bytes, n == 1 ? 100 << 20 : n << 10);
        CHECK_INT(c->drain_delay_ms, n == 1 ? 0 : n * 1000);
        CHECK_INT(c->log_rate, n == 1 ? 10 : n);
        CHECK_INT(c->log_format, n == 2 || n == 4);
        CHECK_INT(c->loglevel, levels[n]);
        snprintf(host, sizeof(host), "h%u", n);
        CHECK_TEXT(c->host, n == 1 ? "127.0.0.1" : host);
        snprintf(origin, sizeof(origin), "http://h%u", n);
        CHECK_TEXT(c->allow_origins.items[0], n == 1 ? "*" : origin);
        CHECK_INT(c->allow_origins.n_items, n == 2 ? 2 : 1);
        kit_end(&r);
    }
    kit_unlink(file);
    kit_unlink(env_file);
}

CASE(a_given_default_still_wins)
{
    struct run r;

    kit_good(&r, WORDS("HYPHA_PORT=2"), WORDS("--port=9527"));
    CHECK_INT(r.config->port, 9527);
    CHECK(!kit_note(r.config, "port"));
    kit_end(&r);
}

CASE(the_environment_is_always_read_but_for_no_env)
{
    struct run r;
    const char *const *env =
        WORDS("HYPHA_PORT=9600", "HYPHA_WS_IDLE_TIMEOUT=7", "FORWARDED_ALLOW_IPS=10.1.0.0/16");

    kit_good(&r, env, WORDS());
    CHECK_INT(r.config->port, 9600);
    kit_end(&r);
    kit_good(&r, env, WORDS("server", "--from-env"));
    CHECK_INT(r.config->port, 9600);
    CHECK_TEXT(kit_note(r.config, "port")->from, "env:HYPHA_PORT");
    kit_end(&r);
    kit_good(&r, env, WORDS("--no-env"));
    CHECK_INT(r.config->port, 9527);
    CHECK_INT(r.config->ws_idle_timeout_ms, 7000);
    CHECK_INT(r.config->trusted_proxies.n_items, 1);
    CHECK_INT(r.config->trusted_proxies.items[0].n_bits, 96 + 16);
    kit_end(&r);
}

CASE(an_empty_variable_changes_nothing)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        struct run r;
        struct buf word;
        buf_init(&word, 0);
        option_variable(option_at(id), &word);
        buf_add(&word, "=", 2);
        kit_good(&r, WORDS(word.ptr, "HOME=/tmp"), WORDS());
        CHECK_INT(r.config->n_notes, 0);
        kit_end(&r);
        buf_deinit(&word);
    }
}

CASE(every_option_is_known_in_every_source)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        struct run r;
        char word[96];
        bool is_secret_file, is_alias;
        struct buf variable;
        snprintf(word, sizeof(word), "--%s=", o->name);
        kit_run(&r, WORDS(), WORDS(word));
        CHECK(!strstr(r.err, "unknown option"));
        kit_end(&r);
        buf_init(&variable, 0);
        option_variable(o, &variable);
        CHECK_INT(option_find_variable(buf_slice(&variable), &is_secret_file, &is_alias), id);
        CHECK(!is_secret_file && !is_alias);
        buf_deinit(&variable);
    }
}

CASE(service_links_are_skipped)
{
    struct run r;

    kit_good(&r, WORDS("HYPHA_PORT=tcp://10.0.0.1:9520", "HYPHA_MINIO_PORT=udp://10.0.0.1:1"),
             WORDS());
    CHECK_INT(r.config->port, 9527);
    CHECK_INT(kit_note(r.config, "HYPHA_PORT")->kind, CONFIG_NOTE_NOTICE);
    CHECK(kit_note(r.config, "HYPHA_MINIO_PORT"));
    kit_end(&r);
}

CASE(unknown_variables_warn_once_each)
{
    struct run r;

    kit_good(&r,
             WORDS("HOME=/tmp", "HYPHA_REDIS_URL=x", "HYPHA_TOKEN=t", "HYPHA_SERVICE_HOST=h",
                   "HYPHA_PORT_9520_TCP=x", "HYPHA_CDN_BASE_URL=x", "OTHER=1"),
             WORDS());
    CHECK_INT(kit_n_notes(r.config, CONFIG_NOTE_WARN), 1);
    CHECK_TEXT(kit_note(r.config, "HYPHA_REDIS_URL")->text,
               "unknown variable (did you mean HYPHA_REDIS_URI? it is not built in)");
    kit_end(&r);

    const char *many[KIT_WORDS] = {"HOME=/tmp"};
    char words[40][32];
    for (int i = 0; i < 40; i++) {
        snprintf(words[i], sizeof(words[i]), "HYPHA_ZZZZZZZZZZ%d=1", i);
        many[i + 1] = words[i];
    }
    kit_good(&r, many, WORDS());
    CHECK_INT(kit_n_notes(r.config, CONFIG_NOTE_WARN), 20);
    kit_end(&r);
}

CASE(flags_can_be_switched_off)
{
    struct run r;

    kit_good(&r, WORDS("HYPHA_ENABLE_S3=true"), WORDS("--enable-s3=false"));
    kit_end(&r);
    kit_good(&r, WORDS("HYPHA_ENABLE_S3=true", "HYPHA_ACCESS_LOG= On "), WORDS("--no-enable-s3"));
    CHECK(r.config->access_log);
    kit_end(&r);
    kit_good(&r, WORDS("HYPHA_INTERACTIVE=false"), WORDS());
    kit_end(&r);
}

CASE(lists_are_the_same_in_every_form)
{
    const char *const *forms[] = {
        WORDS("--static-mounts", "/a:/tmp", "/b:/"), WORDS("--static-mounts=/a:/tmp", "/b:/"),
        WORDS("--static-mounts", "/a:/tmp", "--static-mounts=/b:/"), WORDS()};

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct run r;
        /* The command line's list replaces that of the environment. */
        kit_good(&r,
                 WORDS(i == 3 ? "HYPHA_STATIC_MOUNTS=/a:/tmp /b:/" : "HYPHA_STATIC_MOUNTS=/c:/"),
                 forms[i]);
        CHECK_INT(r.config->static_mounts.n_items, 2);
        CHECK_TEXT(r.config->static_mounts.items[0].name, "a");
        CHECK_TEXT(r.config->static_mounts.items[0].dir, "/tmp");
        CHECK_TEXT(r.config->static_mounts.items[1].name, "b");
        CHECK_TEXT(r.config->static_mounts.items[1].dir, "/");
        kit_end(&r);
    }
}

CASE(origins_fall_back_when_empty_only)
{
    struct run r;

    kit_good(&r, WORDS("ALLOW_ORIGINS=http://a"), WORDS());
    CHECK_TEXT(r.config->allow_origins.items[0], "*");
    CHECK(kit_note(r.config, "ALLOW_ORIGINS"));
    kit_end(&r);
    kit_good(&r, WORDS("ALLOW_ORIGINS=http://a"), WORDS("--allow-origins="));
    CHECK_TEXT(r.config->allow_origins.items[0], "http://a");
    kit_end(&r);
}

CASE(variables_with_prefix_beat_those_without)
{
    struct run r;

    kit_good(&r, WORDS("HYPHA_JWT_SECRET=one-that-is-long-enough-to-be-taken", "JWT_SECRET=two"),
             WORDS());
    CHECK_TEXT(r.config->jwt_secret, "one-that-is-long-enough-to-be-taken");
    kit_end(&r);
    kit_good(&r, WORDS("JWT_SECRET=two", "HYPHA_JWT_SECRET="), WORDS());
    CHECK_TEXT(r.config->jwt_secret, "two");
    CHECK_INT(kit_note(r.config, "jwt-secret")->kind, CONFIG_NOTE_OPTION);
    CHECK_INT(kit_n_notes(r.config, CONFIG_NOTE_WARN), 2); /* short, and no place for data */
    kit_end(&r);
}

CASE(options_without_effect_give_one_notice)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        struct run r;
        char word[96];
        int n = 0;
        if (o->status != OPTION_ACCEPT)
            continue;
        snprintf(word, sizeof(word), "--%s%s", o->name, o->kind == OPTION_FLAG ? "" : "=7");
        kit_good(&r, WORDS("HOME=/tmp"), WORDS(word));
        for (size_t i = 0; i < r.config->n_notes; i++)
            n += r.config->notes[i].kind != CONFIG_NOTE_OPTION &&
                 strcmp(r.config->notes[i].name, o->name) == 0;
        CHECK_INT(n, 1);
        kit_end(&r);
    }
}

CASE(refused_and_absent_options_stop_the_start)
{
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const struct option *o = option_at(id);
        const char *value = o->kind == OPTION_FLAG      ? "true"
                            : o->rule == rule_redis_uri ? "redis://h"
                                                        : "x";
        struct run r;
        char word[96];
        if (o->status != OPTION_REFUSE && o->status != OPTION_SWITCH)
            continue;
        snprintf(word, sizeof(word), "--%s=%s", o->name, value);
        kit_run(&r, WORDS(), WORDS(word));
        CHECK_INT(r.exit, CONFIG_EXIT_WRONG);
        CHECK(strstr(r.err, o->name));
        CHECK(strstr(r.err, o->status == OPTION_REFUSE ? o->hint : "not built in"));
        kit_end(&r);
    }
    struct run r;
    kit_good(&r, WORDS(), WORDS("--workspace-bucket", "b"));
    CHECK_TEXT(kit_note(r.config, "workspace-bucket")->text, "b");
    CHECK_INT(kit_n_notes(r.config, CONFIG_NOTE_IDLE), 1);
    kit_end(&r);
}

CASE(startup_functions_say_what_they_stand_for)
{
    struct run r;

    kit_good(&r, WORDS(), WORDS("--startup-functions", "hypha.local_auth:hypha_startup"));
    CHECK(r.config->enable_local_auth);
    kit_end(&r);
    wrong(WORDS("--startup-functions", "hypha.local_auth:hypha_startup",
                "hypha.workers.mcp_proxy:hypha_startup", "x.py:f"),
          "hyphad: --startup-functions: hypha.workers.mcp_proxy:hypha_startup stands for "
          "--enable-mcp: not built in\n"
          "hyphad: --startup-functions: x.py:f: not built in "
          "(start your script beside the server: it can do all that as a client)\n");
}

CASE(values_that_contradict_stop_the_start)
{
    static const struct {
        const char *args[6];
        const char *names[3];
    } rows[] = {
        {{"--tls-cert=/c"}, {"--tls-cert", "--tls-key"}},
        {{"--enable-server-apps"}, {"--enable-server-apps", "--enable-s3", "--start-minio-server"}},
        {{"--start-minio-server", "--access-key-id=a"},
         {"--start-minio-server", "--access-key-id"}},
        {{"--endpoint-url=http://s"}, {"--endpoint-url", "--access-key-id"}},
        {{"--pressure-low=8M"}, {"--pressure-low", "--pressure-high"}},
        {{"--pressure-high=33M"}, {"--pressure-high", "--sendq-bytes"}},
        {{"--max-frame=17M"}, {"--max-frame", "--max-message"}},
        {{"--max-message=33M"}, {"--max-message", "--sendq-bytes"}},
        {{"--sendq-bytes=65M"}, {"--sendq-bytes", "--peer-bytes"}},
        {{"--peer-bytes=64M", "--process-bytes=63M"}, {"--peer-bytes", "--process-bytes"}},
        {{"--drain-delay=20"}, {"--drain-delay", "--drain-duration", "--drain-deadline"}},
        {{"--metrics=admin"}, {"--metrics", "--admin-listen"}},
        {{"--metrics=both"}, {"--metrics", "--admin-listen"}},
        {{"--proxy-protocol", "--trusted-proxies="}, {"--proxy-protocol", "--trusted-proxies"}},
        {{"--static-mounts=/a:/tmp", "/a:/"}, {"--static-mounts", "/a"}},
        {{"--static-mounts=/a:/nonexistent"}, {"--static-mounts", "/nonexistent is not a folder"}},
        {{"--static-mounts=/ws:/tmp"}, {"--static-mounts", "/ws is a route"}},
        {{"--data-dir=/etc/passwd/x"}, {"--data-dir", "/etc/passwd/x is not writable"}},
        {{"--root-token=short"}, {"--root-token", "at least 32 characters"}},
        {{"--database-uri=postgresql+asyncpg://u:p@h/d"}, {"--database-uri", "not built in"}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct run r;
        kit_run(&r, WORDS("HOME=/tmp"), rows[i].args);
        if (r.outcome != CONFIG_EXIT)
            check_fail(__FILE__, __LINE__, "%s starts", rows[i].args[0]);
        CHECK_INT(r.exit, CONFIG_EXIT_WRONG);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].names) && rows[i].names[k]; k++) {
            if (!strstr(r.err, rows[i].names[k]))
                check_fail(__FILE__, __LINE__, "%s misses %s", r.err, rows[i].names[k]);
        }
        kit_end(&r);
    }
}

CASE(tokens_are_asked_for)
{
    struct run r;

    kit_run(&r, WORDS("JWT_SECRET=0123456789012345678901234567890123"),
            WORDS("generate-token", "--workspace", "ws-x", "--expires-in=60", "--role", "a",
                  "--role=b", "--scope", "ws-x#rw", "--permission", "read", "--user-id", "u"));
    CHECK_INT(r.outcome, CONFIG_GENERATE_TOKEN);
    const struct config_token_request *t = &r.config->token_request;
    CHECK_TEXT(t->workspace, "ws-x");
    CHECK_INT(t->expires_in_ms, 60000);
    CHECK_INT(t->roles.n_items, 2);
    CHECK_TEXT(t->roles.items[1], "b");
    CHECK_TEXT(t->scopes.items[0], "ws-x#rw");
    CHECK_TEXT(t->permission, "read");
    CHECK_TEXT(t->user_id, "u");
    CHECK(!t->email && !t->client_id);
    kit_end(&r);
    usage(WORDS("generate-token", "--expires-in"), "hyphad: missing value for --expires-in\n");
    usage(WORDS("generate-token", "--permission=all"),
          "hyphad: bad value for --permission: \"all\" (want read, read_write or admin)\n");
    usage(WORDS("generate-token", "--scope=x"),
          "hyphad: bad value for --scope: \"x\" (want WORKSPACE#PERMISSION)\n");
    usage(WORDS("--workspace", "w"),
          "hyphad: unknown option --workspace (did you mean --workspace-bytes?)\n");
    wrong(WORDS("mirror", "-s", "http://x"), "hyphad: mirror: not built in\n");
}

CASE(data_folders_differ_per_port)
{
    struct run r;

    kit_good(&r, WORDS("HOME=/tmp/h", "XDG_STATE_HOME=/tmp/x"), WORDS("--port=7"));
    CHECK_TEXT(r.config->data_dir, "/tmp/x/hyphad/7");
    kit_end(&r);
    kit_good(&r, WORDS("HOME=/tmp/h"), WORDS());
    CHECK_TEXT(r.config->data_dir, "/tmp/h/.local/state/hyphad/9527");
    CHECK(!r.config->database_path);
    kit_end(&r);
    kit_good(&r, WORDS("HOME=/tmp/h", "STATE_DIRECTORY=/tmp/s:/tmp/t"), WORDS("--port=0"));
    CHECK_TEXT(r.config->data_dir, "/tmp/s");
    kit_end(&r);
    kit_good(&r, WORDS("HOME=/tmp/h"), WORDS("--port=0"));
    CHECK(!r.config->data_dir && r.config->n_notes == 1);
    kit_end(&r);
    kit_good(&r, WORDS(), WORDS());
    CHECK(!r.config->data_dir && kit_note(r.config, "data-dir")->kind == CONFIG_NOTE_WARN);
    kit_end(&r);
    kit_good(&r, WORDS(), WORDS("--data-dir", ":memory:"));
    CHECK_TEXT(r.config->data_dir, ":memory:");
    CHECK_TEXT(r.config->database_path, ":memory:");
    kit_end(&r);
}

CASES(RUN(command_line_errors_name_what_is_wrong), RUN(bad_values_name_value_and_range),
      RUN(every_error_is_told_and_usage_decides), RUN(bad_variables_name_the_variable),
      RUN(the_stronger_source_wins), RUN(a_given_default_still_wins),
      RUN(the_environment_is_always_read_but_for_no_env), RUN(an_empty_variable_changes_nothing),
      RUN(every_option_is_known_in_every_source), RUN(service_links_are_skipped),
      RUN(unknown_variables_warn_once_each), RUN(flags_can_be_switched_off),
      RUN(lists_are_the_same_in_every_form), RUN(origins_fall_back_when_empty_only),
      RUN(variables_with_prefix_beat_those_without), RUN(options_without_effect_give_one_notice),
      RUN(refused_and_absent_options_stop_the_start),
      RUN(startup_functions_say_what_they_stand_for), RUN(values_that_contradict_stop_the_start),
      RUN(tokens_are_asked_for), RUN(data_folders_differ_per_port))
