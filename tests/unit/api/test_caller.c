/* Whom a request acts for, what it is told when that fails and what the log is, and that a client
 * that leaves takes its caller along. req: S-92 */
#include "api/limits.h"
#include "auth/token.h"
#include "peer/closing.h"
#include "unit/api/desk.h"

#define PUBLIC "/public/services/x:y"

CASE(what_the_manager_says_is_what_the_client_hears)
{
    static const struct {
        const char *class_name, *why;
        unsigned status;
        const char *piece, *refused_by;
    } rows[] = {
        {"KeyError", "Service not found: x:y", 404, "Service not found: x:y", NULL},
        {"PermissionError", "no", 403, "PermissionError: no", "permission"},
        {"PermissionError", "no [rule: no-grant]", 403, "PermissionError: no", "no-grant"},
        {"ValueError", "bad", 400, "ValueError: bad", NULL},
        {"RuntimeError", "broken", 500, "RuntimeError: broken", NULL},
    };
    struct desk d;

    desk_init(&d);
    desk_answers(&d, "{\"id\":\"public/x:y\",\"name\":\"y\"}");
    desk_check(&d, PUBLIC, "", 200, "{\"id\":\"public/x:y\",\"name\":\"y\"}");
    CHECK(d.status == 200 && !d.refused_by);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        d.rejects = rows[i].class_name;
        d.why = rows[i].why;
        desk_check(&d, PUBLIC, "", rows[i].status, rows[i].piece);
        if (rows[i].refused_by)
            CHECK_TEXT(d.refused_by, rows[i].refused_by);
        else
            CHECK(!d.refused_by);
    }
    desk_deinit(&d);
}

/* A limit of the calls between the two is named in the log, as any other is. */
CASE(a_call_that_is_shed_names_its_limit)
{
    struct desk d;

    desk_init(&d);
    d.settings.max_pending = 0;
    desk_check(&d, PUBLIC, "", 503, "Too many calls are pending");
    CHECK_TEXT(d.refused_by, "max-pending-calls");
    d.settings.max_pending = 100;
    d.h.k.t.config.max_http_calls = 0;
    struct guest g = desk_ask(&d, "GET", PUBLIC, "");
    unsigned status;
    CHECK(strstr(desk_hear(&d, &g, &status), "Too many calls are running, please retry") != NULL);
    CHECK(status == 503 && guest_has(&g, "Retry-After: 1"));
    CHECK_TEXT(d.refused_by, "max-http-calls");
    guest_leave(&g);
    desk_deinit(&d);
}

CASE(a_token_that_is_none_is_told_so)
{
    struct desk d;

    desk_init(&d);
    desk_check(&d, PUBLIC, "Authorization: Bearer nonsense\r\n", 401, "The server is not ready");
    CHECK_TEXT(d.refused_by, "token-invalid");
    CHECK(!d.asked);
    desk_deinit(&d);
}

static char *login_of(struct desk *d, const char *id)
{
    struct user *u = kit_user(id, "");
    char *text = token_mint(d->h.k.hub.keys, u, &u->scope, 1000);

    CHECK(text != NULL);
    user_unref(u);
    return text;
}

CASE(who_leaves_takes_the_caller_along)
{
    struct desk d;

    desk_init(&d);
    d.keeps = true;
    for (int turns = 0; turns < 6; turns++) {
        struct guest g = desk_ask(&d, "GET", PUBLIC, "");
        unsigned n_done = d.n_done;
        if (turns == 5)
            TURNS_UNTIL(&d.h.k.t, d.kept);
        for (int i = 0; i < turns && turns < 5; i++)
            turns_run(&d.h.k.t);
        guest_leave(&g);
        TURNS_UNTIL(&d.h.k.t, d.h.hl.n_conns == 0);
        CHECK(d.n_done <= n_done + 1);
        for (int i = 0; i < 3; i++)
            turns_run(&d.h.k.t);
        desk_let_go(&d); /* nobody waits for it */
    }
    CHECK_INT(desk_calls(&d), 0);
    desk_deinit(&d);
}

/* What was asked by somebody who is blocked meanwhile is answered at once, and the manager's answer
 * goes nowhere. req: S-72 */
CASE(who_is_put_out_is_answered_at_once)
{
    struct desk d;
    char header[1200];
    unsigned status;

    desk_init(&d);
    char *token = login_of(&d, "bob");
    snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", token);
    d.keeps = true;
    struct guest g = desk_ask(&d, "GET", PUBLIC, header);
    TURNS_UNTIL(&d.h.k.t, d.kept);
    closing_send(&d.h.k.hub, &(struct closing){.kind = CLOSING_USER,
                                               .user = SLICE_LIT("bob"),
                                               .reason = SLICE_LIT("User blocked: spam")});
    CHECK(strstr(desk_hear(&d, &g, &status), "User blocked: spam") != NULL);
    CHECK_INT(status, 403);
    CHECK_TEXT(d.refused_by, "blocked");
    desk_let_go(&d);
    guest_leave(&g);
    mem_free(token);
    desk_deinit(&d);
}

static bool take_rate(struct http_request *req, unsigned *ret_retry_after_s, void *arg)
{
    return api_allow(((struct desk *)arg)->api, req, ret_retry_after_s);
}

/* Rates and the call itself ask whom a request is from; its token is verified for the first of them
 * alone. req: S-44 */
CASE(a_token_is_verified_once_for_a_request)
{
    struct desk d;
    char header[1200];

    desk_init(&d);
    d.h.site.allow = take_rate;
    char *token = login_of(&d, "bob");
    snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", token);
    desk_answers(&d, "{}");
    for (int n = 1; n <= 3; n++) {
        desk_check(&d, PUBLIC, header, 200, "{}");
        CHECK_INT(d.h.k.t.loop->metrics.values[METRIC_HTTP_TOKENS_VERIFIED], n);
    }
    desk_check(&d, PUBLIC, "", 200, "{}");
    desk_check(&d, PUBLIC, "Authorization: Bearer nonsense\r\n", 401, "The server is not ready");
    CHECK_INT(d.h.k.t.loop->metrics.values[METRIC_HTTP_TOKENS_VERIFIED], 4);
    mem_free(token);
    desk_deinit(&d);
}

CASES(RUN(what_the_manager_says_is_what_the_client_hears), RUN(a_call_that_is_shed_names_its_limit),
      RUN(a_token_that_is_none_is_told_so), RUN(who_leaves_takes_the_caller_along),
      RUN(who_is_put_out_is_answered_at_once), RUN(a_token_is_verified_once_for_a_request))
