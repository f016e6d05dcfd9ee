/* cross_checks: each value is good by itself when these run. The checks of options whose room is
 * not built in are kept too: they cost a line, and the operator hears of the contradiction as well
 * as of the missing room. */
#include "config/cross_checks.h"

#include "config/config_file.h"
#include "config/value.h"

enum { JWT_SECRET_SHORT = 32 };

static bool is_given(const struct config *c, unsigned id)
{
    return c->metadata->settings[id].source != CONFIG_FROM_DEFAULT && option_is_on(c, id);
}

/* "--enable-s3", or "--enable-s3 (env:HYPHA_ENABLE_S3)" */
static const char *name_with_source(struct config *c, unsigned id)
{
    const struct setting *s = &c->metadata->settings[id];
    const char *name = option_at(id)->name;

    if (s->source == CONFIG_FROM_CLI || s->source == CONFIG_FROM_DEFAULT)
        return arena_fmt(&c->metadata->arena, "--%s", name);
    return arena_fmt(&c->metadata->arena, "--%s (%s)", name, s->from);
}

static void check_startup_functions(struct config *c, struct report *report)
{
    static const struct {
        const char *entry, *option;
    } known[] = {{"hypha.local_auth:hypha_startup", "--enable-local-auth"},
                 {"hypha.workers.mcp_proxy:hypha_startup", "--enable-mcp"},
                 {"hypha.workers.a2a_proxy:hypha_startup", "--enable-a2a"}};
    const struct config_list *words = &c->metadata->settings[OPTION_ID_startup_functions].words;

    for (size_t i = 0; i < words->n_items; i++) {
        const char *option = NULL;
        if (strcmp(words->items[i], known[0].entry) == 0) {
            c->enable_local_auth = true;
            continue;
        }
        for (size_t k = 0; k < ARRAY_LEN(known); k++) {
            if (strcmp(words->items[i], known[k].entry) == 0)
                option = known[k].option;
        }
        if (option)
            report_wrong(report, "--startup-functions: %s stands for %s: not built in",
                         words->items[i], option);
        else
            report_wrong(report, "--startup-functions: %s: not built in (%s)", words->items[i],
                         option_at(OPTION_ID_startup_functions)->hint);
    }
}

static void check_status(struct config *c, unsigned id, struct report *report)
{
    const struct option *o = option_at(id);
    const char *from = c->metadata->settings[id].from;

    switch (o->status) {
    case OPTION_CORE:
        break;
    case OPTION_ACCEPT:
        /* A promise of a shell that is not there deserves more than a notice. */
        config_note_add(c,
                        id == OPTION_ID_enable_admin_terminal ? CONFIG_NOTE_WARN : CONFIG_NOTE_IDLE,
                        o->name, o->help, from);
        break;
    case OPTION_ABSENT:
        config_note_add(c, CONFIG_NOTE_IDLE, o->name,
                        arena_fmt(&c->metadata->arena, "no effect: %s is not built in", o->room),
                        from);
        break;
    case OPTION_REFUSE:
        report_wrong(report, "%s: not supported (%s)", name_with_source(c, id), o->hint);
        break;
    case OPTION_SWITCH:
        if (id == OPTION_ID_startup_functions)
            check_startup_functions(c, report);
        else
            report_wrong(report, "%s: not built in", name_with_source(c, id));
        break;
    }
}

/* Whether a <= b; complains with both names otherwise. */
static void check_order(struct config *c, unsigned a, unsigned b, bool is_good,
                        struct report *report)
{
    SCRATCH_BUF(low, 0);
    SCRATCH_BUF(high, 0);

    if (is_good)
        return;
    option_show_value(c, a, &low);
    option_show_value(c, b, &high);
    report_wrong(report, "--%s (" SLICE_FMT ") must not pass --%s (" SLICE_FMT ")",
                 option_at(a)->name, SLICE_ARG(buf_slice(&low)), option_at(b)->name,
                 SLICE_ARG(buf_slice(&high)));
}

static void check_sizes(struct config *c, struct report *report)
{
#define ORDER(a, b) check_order(c, OPTION_ID_##a, OPTION_ID_##b, c->a <= c->b, report)
    if (c->pressure_low_bytes >= c->pressure_high_bytes)
        report_wrong(report, "--pressure-low must be below --pressure-high");
    ORDER(pressure_high_bytes, sendq_bytes);
    ORDER(max_frame_bytes, max_message_bytes);
    ORDER(max_message_bytes, sendq_bytes);
    ORDER(sendq_bytes, peer_bytes);
    ORDER(peer_bytes, process_bytes);
#undef ORDER
    if (c->drain_delay_ms + c->drain_duration_ms > c->drain_deadline_ms)
        report_wrong(report,
                     "--drain-delay and --drain-duration together must not pass --drain-deadline");
}

static void check_pairs(struct config *c, struct report *report)
{
    if (is_given(c, OPTION_ID_tls_cert) != is_given(c, OPTION_ID_tls_key))
        report_wrong(report, "--tls-cert and --tls-key need each other");
    if (is_given(c, OPTION_ID_enable_server_apps) && !is_given(c, OPTION_ID_enable_s3) &&
        !is_given(c, OPTION_ID_start_minio_server))
        report_wrong(report, "--enable-server-apps needs --enable-s3 or --start-minio-server");
    if (is_given(c, OPTION_ID_start_minio_server) &&
        (is_given(c, OPTION_ID_endpoint_url) || is_given(c, OPTION_ID_access_key_id) ||
         is_given(c, OPTION_ID_secret_access_key)))
        report_wrong(report, "--start-minio-server excludes --endpoint-url, --access-key-id and "
                             "--secret-access-key");
    if (is_given(c, OPTION_ID_endpoint_url) &&
        (!is_given(c, OPTION_ID_access_key_id) || !is_given(c, OPTION_ID_secret_access_key)))
        report_wrong(report, "--endpoint-url needs --access-key-id and --secret-access-key");
    if ((c->metrics == CONFIG_METRICS_ADMIN || c->metrics == CONFIG_METRICS_BOTH) &&
        !is_given(c, OPTION_ID_admin_listen))
        report_wrong(report, "--metrics admin and both need --admin-listen");
    if (is_given(c, OPTION_ID_proxy_protocol) && c->trusted_proxies.n_items == 0)
        report_wrong(report, "--proxy-protocol needs --trusted-proxies");
    for (size_t i = 0; i < c->static_mounts.n_items; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(c->static_mounts.items[i].name, c->static_mounts.items[k].name) == 0)
                report_wrong(report, "--static-mounts: /%s is given twice",
                             c->static_mounts.items[i].name);
        }
    }
}

static void check_data_dir(struct config *c, struct report *report)
{
    if (c->metadata->has_no_state_base)
        config_note_add(
            c, CONFIG_NOTE_WARN, "data-dir",
            "no usable place for data: a temporary folder is used and removed at exit (give "
            "--data-dir)",
            NULL);
    if (!c->data_dir || c->metadata->settings[OPTION_ID_data_dir].source == CONFIG_FROM_DEFAULT ||
        strcmp(c->data_dir, ":memory:") == 0)
        return;
    if (!file_is_folder_creatable(c->data_dir))
        report_wrong(report, "%s: %s is not writable", name_with_source(c, OPTION_ID_data_dir),
                     c->data_dir);
}

/* Other machines can connect, but every URL that the server gives them leads to themselves. */
static void check_public_url(struct config *c)
{
    if (!c->public_base_url && config_wildcard_family(c->host) != AF_UNSPEC)
        config_note_add(
            c, CONFIG_NOTE_WARN, "public-base-url",
            "not set, and the host is every address: clients are told a URL that only this "
            "machine can use (give --public-base-url)",
            NULL);
}

/* Said at the start: found missing at the first request, it would look like an issuer that is
 * down. */
static void check_ca_file(struct config *c, struct report *report)
{
    if (c->ca_file && !file_is_readable(c->ca_file))
        report_wrong(report, "%s: %s is not a readable file",
                     name_with_source(c, OPTION_ID_ca_file), c->ca_file);
}

static void fill_origins(struct config *c, struct report *report)
{
    struct setting *s = &c->metadata->settings[OPTION_ID_allow_origins];
    const struct option *o = option_at(OPTION_ID_allow_origins);
    const char *variable = c->metadata->around.allow_origins;
    struct value_refusal refusal = {0};

    if (s->words.n_items > 0) {
        if (variable)
            config_note_add(c, CONFIG_NOTE_NOTICE, "ALLOW_ORIGINS",
                            "not used: it counts only when --allow-origins is empty", NULL);
        return;
    }
    value_split(o, slice_of(variable ? variable : "*"), &c->metadata->arena, &s->words);
    s->from = variable ? "env:ALLOW_ORIGINS" : "default";
    s->source = variable ? CONFIG_FROM_ENV : CONFIG_FROM_DEFAULT;
    if (!variable)
        config_note_add(c, CONFIG_NOTE_NOTICE, "allow-origins", "empty: the default * is used",
                        NULL);
    if (!value_read(o, &s->words, &c->metadata->arena, "/", &c->allow_origins, &refusal))
        report_usage(report, "bad value for ALLOW_ORIGINS: \"%s\" (want %s)", refusal.text,
                     refusal.want);
}

static void fill_database(struct config *c)
{
    static const char scheme[] = "sqlite:///";

    if (c->database_uri)
        c->database_path = c->database_uri + strlen(scheme);
    else if (c->data_dir && strcmp(c->data_dir, ":memory:") == 0)
        c->database_path = ":memory:";
}

void cross_check(struct config *c, struct report *report)
{
    bool are_values_good = report_exit(report) == CONFIG_EXIT_OK;

    /* What does not depend on values: one that is wrong counts as not given. */
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        if (is_given(c, id))
            check_status(c, id, report);
    }
    if (c->jwt_secret && strlen(c->jwt_secret) < JWT_SECRET_SHORT)
        config_note_add(c, CONFIG_NOTE_WARN, "jwt-secret",
                        "shorter than 32 bytes: it can be guessed", NULL);
    if (!are_values_good)
        return;
    fill_origins(c, report);
    fill_database(c);
    if (!c->base_path || strcmp(c->base_path, "/") == 0)
        c->base_path = "";
    check_sizes(c, report);
    check_pairs(c, report);
    check_data_dir(c, report);
    check_ca_file(c, report);
    check_public_url(c);
}
