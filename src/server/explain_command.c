/* explain_command: one POST to admin-utils.explain and its answer in lines. Tokens are better
 * not on the command line, where every user of the machine can read them: the administrator's
 * comes from HYPHA_TOKEN, the one asked about from standard input; one that is given as a word
 * is overwritten. */
#include "server/explain_command.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "net/fetch_once.h"
#include "wire/json.h"
#include "wire/mp.h"

enum { SUBJECT, WORKSPACE, SERVICE, OPERATION, N_WORDS, SUBJECT_MAX = 20000 };

struct asked {
    char *server, *token; /* owned */
    char *words[N_WORDS]; /* owned; NULL = not given */
    unsigned n_words;
    bool wants_json;
};

static char *explain_command_copy(const char *text)
{
    return mem_copy(text, strlen(text));
}

/* A word of the command line, out of sight when it may be a token. */
static char *explain_command_take(char *word, bool is_secret)
{
    char *own = explain_command_copy(word);

    if (is_secret || strncmp(word, "eyJ", 3) == 0)
        memset(word, '*', strlen(word));
    return own;
}

#define USAGE                                                                                      \
    "usage: hyphad explain [--server URL] [--token TOKEN] [--json] USER_OR_TOKEN WORKSPACE "       \
    "[SERVICE [OPERATION]]\n"

static int explain_refuse(FILE *err, const char *what)
{
    fprintf(err, "hyphad: explain: %s\nhyphad: " USAGE, what);
    return EXPLAIN_FAILED;
}

static const char *explain_command_read_words(int argc, char **argv, struct asked *a)
{
    for (int i = 0; i < argc; i++) {
        bool is_server = strcmp(argv[i], "--server") == 0,
             is_token = strcmp(argv[i], "--token") == 0;
        if (strcmp(argv[i], "--json") == 0) {
            a->wants_json = true;
        } else if (is_server || is_token) {
            char **place = is_server ? &a->server : &a->token;
            if (++i >= argc)
                return "a value is missing after the last option";
            mem_free(*place);
            *place = explain_command_take(argv[i], is_token);
        } else if (strncmp(argv[i], "--", 2) == 0) {
            return "there is an option it does not know";
        } else if (a->n_words == N_WORDS) {
            return "there are too many words";
        } else {
            a->words[a->n_words++] = explain_command_take(argv[i], false);
        }
    }
    if (a->n_words <= WORKSPACE)
        return "a user or token and a workspace must be named";
    return a->token ? NULL : "the administrator's token is missing: set HYPHA_TOKEN";
}

static void read_environment(struct asked *a)
{
    const char *server = getenv("HYPHA_SERVER_URL"), *token = getenv("HYPHA_TOKEN");

    a->server = explain_command_copy(server && *server ? server : "http://127.0.0.1:9527");
    a->token = token && *token ? explain_command_copy(token) : NULL;
}

/* "-": the first line of standard input. */
static void read_subject(struct asked *a, FILE *in)
{
    char line[SUBJECT_MAX] = "";

    if (strcmp(a->words[SUBJECT], "-") != 0 || !fgets(line, sizeof(line), in))
        return;
    line[strcspn(line, "\r\n")] = '\0';
    mem_free(a->words[SUBJECT]);
    a->words[SUBJECT] = explain_command_copy(line);
    explicit_bzero(line, sizeof(line));
}

/* ---- the question ---- */

/* By position: over HTTP a field called workspace is the URL's. */
static void explain_command_add_question(struct buf *json, const struct asked *a)
{
    for (unsigned i = 0; i < a->n_words; i++) {
        buf_add_byte(json, i ? ',' : '[');
        if (a->words[i][0])
            json_add_text(json, slice_of(a->words[i]));
        else
            buf_add_text(json, "null");
    }
    buf_add_byte(json, ']');
}

static void explain_command_ask(const struct asked *a, struct fetch_once *ret)
{
    struct buf url, header;
    SCRATCH_BUF(body, 0);
    size_t len = strlen(a->server);

    buf_init(&url, 0);
    buf_init(&header, 0);
    buf_add_fmt(&url, "%.*s/ws-user-root/services/admin-utils/explain",
                (int)(len && a->server[len - 1] == '/' ? len - 1 : len), a->server);
    buf_add_fmt(&header, "Authorization: Bearer %s", a->token);
    explain_command_add_question(&body, a);
    char *url_text = buf_take(&url), *header_text = buf_take(&header);
    const char *const headers[] = {"Content-Type: application/json", header_text};
    fetch_once(
        &(struct fetch_request){
            .url = url_text, .headers = headers, .n_headers = 2, .body = buf_slice(&body)},
        ret);
    explicit_bzero(header_text, strlen(header_text));
    mem_free(url_text);
    mem_free(header_text);
}

/* ---- the answer ---- */

static void print_field(FILE *out, struct slice answer, const char *key)
{
    struct slice value;
    SCRATCH_BUF(json, 0);

    if (!mp_find(answer, key, &value) || mp_is(value, MP_NIL))
        return;
    if (!mp_is(value, MP_STR) && json_from_mp(value, &json) == JSON_OK)
        value = buf_slice(&json);
    else
        (void)mp_get_str(value, &value);
    fprintf(out, "  %-10s " SLICE_FMT "\n", key, SLICE_ARG(value));
}

static int print_answer(FILE *out, struct slice answer)
{
    static const char *const fields[] = {"because", "user",  "acts_in", "grant",
                                         "record",  "limit", "told"};
    struct slice operation = {NULL, 0}, workspace = {NULL, 0}, service = {NULL, 0},
                 rule = {NULL, 0};
    bool is_allowed = false;

    (void)mp_find_bool(answer, "allowed", &is_allowed);
    (void)mp_find_str(answer, "operation", &operation);
    (void)mp_find_str(answer, "workspace", &workspace);
    (void)mp_find_str(answer, "service", &service);
    (void)mp_find_str(answer, "rule", &rule);
    fprintf(out, "%s: " SLICE_FMT " " SLICE_FMT "%s" SLICE_FMT " [" SLICE_FMT "]\n",
            is_allowed ? "allowed" : "denied", SLICE_ARG(operation), SLICE_ARG(workspace),
            service.len ? "/" : "", SLICE_ARG(service), SLICE_ARG(rule));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        print_field(out, answer, fields[i]);
    return is_allowed ? EXPLAIN_ALLOWED : EXPLAIN_DENIED;
}

static int explain_command_finish(const struct asked *a, const struct fetch_once *reply, FILE *out,
                                  FILE *err)
{
    struct slice text = buf_slice(&reply->body), detail = text;
    SCRATCH_BUF(answer, 0);
    int status = EXPLAIN_FAILED;
    bool is_allowed;

    if (reply->outcome != FETCH_OK) {
        fprintf(err, "hyphad: explain: %s: %s\n", a->server, reply->text);
    } else if (json_to_mp(text, &answer, NULL) != JSON_OK || reply->status != 200 ||
               !mp_find_bool(buf_slice(&answer), "allowed", &is_allowed)) {
        (void)mp_find_str(buf_slice(&answer), "detail", &detail);
        fprintf(err, "hyphad: explain: %s answered %u: " SLICE_FMT "\n", a->server, reply->status,
                SLICE_ARG(slice_utf8_prefix(detail, 500)));
    } else if (a->wants_json) {
        fprintf(out, SLICE_FMT "\n", SLICE_ARG(text));
        status = is_allowed ? EXPLAIN_ALLOWED : EXPLAIN_DENIED;
    } else {
        status = print_answer(out, buf_slice(&answer));
    }
    return status;
}

int explain_command(int argc, char **argv, FILE *in, FILE *out, FILE *err)
{
    struct asked a = {0};
    struct fetch_once reply;
    int status;

    read_environment(&a);
    const char *wrong = explain_command_read_words(argc, argv, &a);
    if (wrong) {
        status = explain_refuse(err, wrong);
    } else {
        read_subject(&a, in);
        explain_command_ask(&a, &reply);
        status = explain_command_finish(&a, &reply, out, err);
        buf_deinit(&reply.body);
    }
    for (unsigned i = 0; i < a.n_words; i++)
        mem_free(a.words[i]);
    mem_free(a.server);
    mem_free(a.token);
    return status;
}
