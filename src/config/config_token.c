/* config_token: a second, small set of options, so that --role or --scope mean nothing to a server.
 * What is asked is checked here; the token is made by the room that knows how to sign. */
#include "config/config_token.h"

#include "config/option.h"
#include "config/value.h"

enum token_option {
    TOKEN_WORKSPACE,
    TOKEN_EXPIRES,
    TOKEN_CLIENT,
    TOKEN_USER,
    TOKEN_ROLE,
    TOKEN_EMAIL,
    TOKEN_SCOPE,
    TOKEN_PERMISSION,
    TOKEN_OPTIONS
};

static const char *const names[TOKEN_OPTIONS] = {"--workspace", "--expires-in", "--client-id",
                                                 "--user-id",   "--role",       "--email",
                                                 "--scope",     "--permission"};

void token_init(struct config_token_request *request)
{
    *request = (struct config_token_request){.expires_in_ms = 3600000, .permission = "read_write"};
}

static void set_expiry(struct config_token_request *request, const char *value,
                       struct report *report)
{
    const struct option seconds = {.kind = OPTION_TIME, .min = 1, .max = INT64_C(3153600000000)};
    struct config_list words = {(char *[]){(char *)(uintptr_t)value}, 1};
    struct value_refusal refusal;

    if (!value_read(&seconds, &words, NULL, "/", &request->expires_in_ms, &refusal))
        report_usage(report, "bad value for --expires-in: \"%s\" (want a time above 0)", value);
}

static void token_option_set(struct config_token_request *request, enum token_option option,
                             const char *value, struct arena *arena, struct report *report)
{
    switch (option) {
    case TOKEN_WORKSPACE:
        request->workspace = value;
        break;
    case TOKEN_EXPIRES:
        set_expiry(request, value, report);
        break;
    case TOKEN_CLIENT:
        request->client_id = value;
        break;
    case TOKEN_USER:
        request->user_id = value;
        break;
    case TOKEN_ROLE:
        arena_list_add(arena, &request->roles, value);
        break;
    case TOKEN_EMAIL:
        request->email = value;
        break;
    case TOKEN_SCOPE:
        arena_list_add(arena, &request->scopes, value);
        if (!strchr(value, '#'))
            report_usage(report, "bad value for --scope: \"%s\" (want WORKSPACE#PERMISSION)",
                         value);
        break;
    case TOKEN_PERMISSION:
    case TOKEN_OPTIONS:
        request->permission = value;
        if (strcmp(value, "read") != 0 && strcmp(value, "read_write") != 0 &&
            strcmp(value, "admin") != 0)
            report_usage(report,
                         "bad value for --permission: \"%s\" (want read, read_write or admin)",
                         value);
        break;
    }
}

int token_take(struct config_token_request *request, char **argv, struct arena *arena,
               struct report *report)
{
    for (int i = 0; i < TOKEN_OPTIONS; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(argv[0], names[i], len) != 0 || (argv[0][len] != 0 && argv[0][len] != '='))
            continue;
        bool is_joined = argv[0][len] == '=';
        const char *value = is_joined ? argv[0] + len + 1 : argv[1];
        if (!value || *value == 0 || (!is_joined && *value == '-')) {
            report_usage(report, "missing value for %s", names[i]);
            return 1;
        }
        token_option_set(request, (enum token_option)i, arena_text(arena, slice_of(value)), arena,
                         report);
        return is_joined ? 1 : 2;
    }
    return 0;
}
