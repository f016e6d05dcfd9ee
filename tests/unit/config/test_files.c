/* req: C-030 C-031 C-038 */
#include <sys/stat.h>

#include "config_kit.h"

/* The file as --config: these complaints, with % for its path. */
static void bad_file(const char *option, const char *text, const char *pattern)
{
    char *path = kit_file(text), err[2048];
    size_t n = 0;

    for (const char *c = pattern; *c; c++)
        n += (size_t)(*c == '%' ? snprintf(err + n, sizeof(err) - n, "%s", path)
                                : snprintf(err + n, sizeof(err) - n, "%c", *c));
    kit_bad(WORDS("HOME=/tmp"), WORDS(option, path), CONFIG_EXIT_WRONG, err);
    kit_unlink(path);
}

CASE(a_config_file_is_honoured)
{
    char *path = kit_file("# comment\npublic_base_url: https://h.org/ # more\n"
                          "static-mounts: [/docs:/tmp, \"/img:.\"]\nlaunch: []\naccess-log: yes\n"
                          "drain-delay: 500ms\nauth-token-headers: X-A, X-B\nport: 0010\n"
                          "auth0-namespace: \"h\\u00fc\\tb\"\nlog-file:\n");
    struct run r;

    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--config", path));
    CHECK_TEXT(r.config->public_base_url, "https://h.org");
    CHECK_INT(r.config->static_mounts.n_items, 2);
    CHECK_INT(r.config->auth_token_headers.n_items, 2);
    CHECK_INT(r.config->port, 10);
    CHECK(r.config->access_log && r.config->drain_delay_ms == 500 && !r.config->log_file);
    CHECK_TEXT(kit_note(r.config, "port")->from, "file:8");
    CHECK_TEXT(r.config->auth0_namespace, "h\u00fc\tb");
    /* A relative path is relative to the file. */
    const char *dir = r.config->static_mounts.items[1].dir;
    CHECK(strncmp(dir, path, strrchr(path, '/') - path) == 0);
    kit_end(&r);
    kit_unlink(path);
}

CASE(config_file_errors_name_file_and_line)
{
    bad_file("--config", "prot: 1\n",
             "hyphad: %:1: unknown key \"prot\" (did you mean \"port\"?)\n");
    bad_file("--config", "a: 1\nzzzzzzzzz: 1\n",
             "hyphad: %:1: unknown key \"a\" (see hyphad --help)\n"
             "hyphad: %:2: unknown key \"zzzzzzzzz\" (see hyphad --help)\n");
    bad_file("--config", "max-body: 1M\nmax_body: 2M\n",
             "hyphad: %:2: key \"max-body\" stands here twice\n");
    bad_file("--config", "\nport: abc\n",
             "hyphad: %:2: bad value for port: \"abc\" (want an integer 0..65535)\n");
    bad_file("--config", "port: [1]\n", "hyphad: %:1: \"port\" takes one value, not a list\n");
    bad_file("--config", "port: {a: 1}\n", "hyphad: %:1: nesting is not taken\n");
    bad_file("--config", "launch: [[a]]\n", "hyphad: %:1: nesting is not taken\n");
    bad_file("--config", "port: &a 1\n", "hyphad: %:1: anchors and tags are not taken\n");
    bad_file("--config", "port: !!int 1\n", "hyphad: %:1: anchors and tags are not taken\n");
    bad_file("--config", "port: *a\n", "hyphad: %:1: aliases are not taken\n");
    bad_file("--config", "- port\n", "hyphad: %:1: want a mapping: KEY: VALUE\n");
    bad_file("--config", "port\n", "hyphad: %:1: want a mapping: KEY: VALUE\n");
    bad_file("--config", "port: 1\n---\nport: 2\n", "hyphad: %:2: one document only\n");
    bad_file("--config", "port: [1\n",
             "hyphad: %:1: \"port\" takes one value, not a list\n"
             "hyphad: %:2: not YAML: did not find expected ',' or ']'\n");
    bad_file("--config", "config: x\n", "hyphad: %:1: \"config\" cannot stand in a file\n");
    bad_file("--config", "enable-s3: true\n", "hyphad: --enable-s3 (file:1): not built in\n");
    bad_file("--config", "root-token: \"********\"\n",
             "hyphad: %:1: bad value for root-token (want the value itself, not its mask)\n");
}

CASE(files_that_cannot_be_read)
{
    char *big = kit_file(""), *env = NULL;

    kit_bad(WORDS(), WORDS("--config=/nonexistent"), 78,
            "hyphad: /nonexistent: No such file or directory\n");
    kit_bad(WORDS(), WORDS("--env-file=/nonexistent"), 78,
            "hyphad: /nonexistent: No such file or directory\n");
    CHECK_INT(truncate(big, (1 << 20) + 1), 0);
    CHECK(asprintf(&env, "HYPHA_CONFIG=%s", big) > 0);
    struct run r;
    kit_run(&r, WORDS(env), WORDS());
    CHECK_INT(r.exit, 78);
    CHECK(strstr(r.err, "zero byte"));
    kit_end(&r);
    kit_good(&r, WORDS(env), WORDS("--no-env"));
    kit_end(&r);
    free(env);
    kit_unlink(big);
}

CASE(env_files_are_read_in_order)
{
    char *one = kit_file("# a\n\nexport HYPHA_PORT=1\nHYPHA_HOST='a' # c\n"
                         "HYPHA_BACKLOG=20\nOTHER=x\nHYPHA_LOG_RATE=3\n");
    char *two = kit_file("HYPHA_HOST = \"b\" \r\nAUTH0_DOMAIN=h/#\nJWT_SECRET=\"q\\\"\"\n"
                         "HYPHA_SERVER_ID=a#b #c\nHYPHA_LOG_RATE=");
    struct run r;

    kit_good(&r, WORDS("HYPHA_BACKLOG=50", "HOME=/tmp"), WORDS("--env-file", one, two));
    CHECK_INT(r.config->port, 1);
    CHECK_INT(r.config->backlog, 50);
    CHECK_INT(r.config->log_rate, 3); /* an empty value is no value */
    CHECK_TEXT(r.config->host, "b");
    CHECK_TEXT(r.config->auth0_domain, "h/#");
    CHECK_TEXT(r.config->jwt_secret, "q\"");
    CHECK_TEXT(r.config->server_id, "a#b");
    kit_end(&r);
    kit_unlink(one);
    kit_unlink(two);
}

CASE(env_file_errors_name_file_and_line)
{
    bad_file("--env-file", "HYPHA_HOST=a\nnonsense\n", "hyphad: %:2: want NAME=VALUE\n");
    bad_file("--env-file", "1A=b\n", "hyphad: %:1: want NAME=VALUE\n");
    bad_file("--env-file", "HYPHA_HOST=\"a\n",
             "hyphad: %:1: the quotes of HYPHA_HOST do not close\n");
    bad_file("--env-file", "HYPHA_PORT=x\n",
             "hyphad: %:1: bad value for HYPHA_PORT: \"x\" (want an integer 0..65535)\n");
}

CASE(a_dotenv_in_the_folder_is_ignored)
{
    char *path = kit_file(""), *dotenv = NULL;
    struct run r;

    CHECK(asprintf(&dotenv, "%.*s/.env", (int)(strrchr(path, '/') - path), path) > 0);
    FILE *f = fopen(dotenv, "w");
    fputs("HYPHA_PORT=7\n", f);
    fclose(f);
    *strrchr(dotenv, '/') = 0;
    CHECK_INT(chdir(dotenv), 0);
    kit_good(&r, WORDS("HOME=/tmp"), WORDS());
    CHECK_INT(r.config->port, 9527);
    kit_end(&r);
    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--env-file", ".env"));
    CHECK_INT(r.config->port, 7);
    kit_end(&r);
    kit_good(&r, WORDS("HOME=/tmp", "HYPHA_PORT=8"), WORDS("--env-file", ".env"));
    CHECK_INT(r.config->port, 8);
    kit_end(&r);
    CHECK_INT(chdir("/"), 0);
    dotenv[strlen(dotenv)] = '/';
    unlink(dotenv);
    free(dotenv);
    kit_unlink(path);
}

CASE(secrets_come_from_files)
{
    static const char token[] = "zq7Kx9Lm2Vw4Nc6Bd8Fg1Hj3Pr5Ts0Yu";
    char *path = kit_file("zq7Kx9Lm2Vw4Nc6Bd8Fg1Hj3Pr5Ts0Yu\n"), *word = NULL, *yaml = NULL,
         err[512];
    struct run r;

    CHECK(asprintf(&word, "HYPHA_ROOT_TOKEN_FILE=%s", path) > 0);
    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--root-token-file", path));
    CHECK_TEXT(r.config->root_token, token);
    kit_end(&r);
    kit_good(&r, WORDS("HOME=/tmp", word), WORDS());
    CHECK_TEXT(r.config->root_token, token);
    CHECK_TEXT(kit_note(r.config, "root-token")->from, "env:HYPHA_ROOT_TOKEN_FILE");
    CHECK_TEXT(kit_note(r.config, "root-token")->text, "********");
    kit_end(&r);
    yaml = kit_file("");
    FILE *f = fopen(yaml, "w");
    fprintf(f, "root-token-file: %s\n", path);
    fclose(f);
    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--config", yaml));
    CHECK_TEXT(r.config->root_token, token);
    kit_end(&r);

    kit_bad(WORDS(), WORDS("--root-token-file", path, "--root-token=x"), 2,
            "hyphad: both --root-token and --root-token-file are given\n"
            "hyphad: --root-token: Root token must be at least 32 characters long for security.\n");
    kit_bad(WORDS(), WORDS("--jwt-secret-file=/nonexistent"), 78,
            "hyphad: --jwt-secret-file: /nonexistent: No such file or directory\n");
    f = fopen(path, "w");
    fclose(f);
    snprintf(err, sizeof(err), "hyphad: HYPHA_ROOT_TOKEN_FILE: %s: empty\n", path);
    kit_bad(WORDS(word), WORDS(), 78, err);
    free(word);
    kit_unlink(yaml);
    kit_unlink(path);
}

CASE(a_public_file_with_a_secret_warns)
{
    char *path = kit_file("jwt-secret: 0123456789012345678901234567890123456789\n");
    struct run r;

    CHECK_INT(chmod(path, 0600), 0);
    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--config", path));
    CHECK_INT(kit_n_notes(r.config, CONFIG_NOTE_WARN), 0);
    kit_end(&r);
    CHECK_INT(chmod(path, 0644), 0);
    kit_good(&r, WORDS("HOME=/tmp"), WORDS("--config", path));
    CHECK_INT(kit_n_notes(r.config, CONFIG_NOTE_WARN), 1);
    kit_end(&r);
    kit_unlink(path);
}

CASES(RUN(a_config_file_is_honoured), RUN(config_file_errors_name_file_and_line),
      RUN(files_that_cannot_be_read), RUN(env_files_are_read_in_order),
      RUN(env_file_errors_name_file_and_line), RUN(a_dotenv_in_the_folder_is_ignored),
      RUN(secrets_come_from_files), RUN(a_public_file_with_a_secret_warns))
