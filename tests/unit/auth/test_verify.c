/* Whom a token is taken to, with a provider that the test plays. */
#include "auth/verify.h"

#include <stdio.h>

#include "harness/own_clock.h"
#include "unit/auth/forge.h"
#include "unit/auth/vectors.h"
#include "unit/net/turns.h"
#include "wire/json.h"

struct world {
    struct turns t;
    struct verifier *v;
    /* the provider */
    uint64_t who;
    bool is_slow;
    const char *answer; /* JSON; NULL = refuses */
    int n_asked;
    struct verification *waiting[VERIFY_RUNNING_MAX];
    int n_waiting;
    /* the last verdict */
    int n_done;
    char id[64], error[TOKEN_ERROR_MAX];
};

static uint64_t who(void *arg)
{
    return ((struct world *)arg)->who;
}

static void settle(struct world *w, struct verification *v)
{
    struct buf b;

    buf_init(&b, 0);
    if (w->answer)
        CHECK_INT(json_to_mp(slice_of(w->answer), &b, NULL), JSON_OK);
    verification_settle(v, buf_slice(&b));
    buf_deinit(&b);
}

static void provide(void *arg, struct slice text, struct verification *v)
{
    struct world *w = arg;

    CHECK(text.len > 0);
    w->n_asked++;
    if (w->is_slow)
        w->waiting[w->n_waiting++] = v;
    else
        settle(w, v);
}

static void keep(struct token *token, const char *error, void *arg)
{
    struct world *w = arg;

    CHECK(!token == !!error);
    w->n_done++;
    snprintf(w->id, sizeof(w->id), "%s", token ? token->user->id : "");
    snprintf(w->error, sizeof(w->error), "%s", error ? error : "");
    if (token)
        token_deinit(token);
}

static void open_world(struct world *w, uint64_t provider)
{
    struct verifier_options options = {.keys = &forge_keys};

    memset(w, 0, sizeof(*w));
    turns_init(&w->t, 1);
    w->who = provider;
    w->answer = "{\"id\":\"ann\"}";
    options.loop = w->t.loop;
    w->v = verifier_new(&options);
    verifier_set_provider(w->v, &(struct verifier_provider){who, provide, w});
}

static void shut(struct world *w)
{
    verifier_close(w->v);
    CHECK_INT(w->t.loop->metrics.values[METRIC_TOKENS_KEPT], 0);
    turns_deinit(&w->t);
}

static void ask(struct world *w, const char *text, const char *id, const char *error)
{
    w->n_done = 0;
    verifier_ask(w->v, &(struct verify_question){slice_of(text), SLICE_LIT("them")}, keep, w);
    CHECK_INT(w->n_done, 1);
    CHECK_TEXT(w->id, id);
    if (!strstr(w->error, error))
        check_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", w->error, error);
}

CASE(our_own_tokens_are_answered_here)
{
    struct world w;
    char *own = forge("\"sub\":\"bob\""), *late = forge("\"sub\":\"bob\",\"nbf\":4102444800");

    open_world(&w, 1);
    ask(&w, own, "bob", "");
    ask(&w, late, "", "not yet valid"); /* ours, and no good: nobody else is asked */
    ask(&w, "", "", "Authorization is required");
    ask(&w, "Bearer a b", "", "must be 'Bearer' token");
    CHECK_INT(w.n_asked, 0);
    mem_free(own);
    mem_free(late);
    shut(&w);
}

CASE(without_anybody_to_ask_the_others_are_refused)
{
    struct world w;

    open_world(&w, 0);
    ask(&w, "opaque", "", "Error decoding token headers.");
    ask(&w, VECTOR_TOKEN, "", "Invalid algorithm: RS256");
    verifier_set_provider(w.v, NULL);
    ask(&w, "opaque", "", "Error decoding token headers.");
    shut(&w);
}

CASE(a_provider_is_asked_once_and_decides_alone)
{
    struct world w;

    open_world(&w, 1);
    ask(&w, "opaque", "ann", "");
    ask(&w, "  Bearer opaque ", "ann", "");
    ask(&w, VECTOR_TOKEN, "ann", "");
    CHECK_INT(w.n_asked, 2);
    w.answer = NULL;
    ask(&w, "opaque", "ann", "");
    ask(&w, "other", "", "refused the token");
    ask(&w, "other", "", "refused the token");
    CHECK_INT(w.n_asked, 4);
    w.answer = "[]";
    ask(&w, "another", "", "named no user");
    shut(&w);
}

CASE(what_is_remembered_ends_with_who_said_it)
{
    struct world w;

    open_world(&w, 1);
    ask(&w, "opaque", "ann", "");
    w.who = 2;
    w.answer = "{\"id\":\"bob\"}";
    ask(&w, "opaque", "bob", "");
    w.who = 0;
    ask(&w, "opaque", "", "Error decoding token headers.");
    w.n_done = 0;
    w.who = 2;
    verifier_ask_default(w.v, &(struct verify_question){SLICE_LIT("opaque"), SLICE_LIT("them")},
                         keep, &w);
    CHECK_INT(w.n_done, 1);
    CHECK_TEXT(w.error, "Error decoding token headers.");
    shut(&w);
}

CASE(what_is_remembered_ends_with_time)
{
    struct world w;
    char json[80];

    open_world(&w, 1);
    snprintf(json, sizeof(json), "{\"id\":\"ann\",\"expires_at\":%lld}",
             (long long)(clock_wall_ms() / 1000 + 1));
    w.answer = json;
    ask(&w, "short", "ann", "");
    wall_shift_s += 2;
    mono_shift_ms += 2000;
    ask(&w, "short", "", "expired");
    CHECK_INT(w.n_asked, 2);
    shut(&w);
}

CASE(what_is_remembered_is_bounded)
{
    struct world w;
    char text[32];

    open_world(&w, 1);
    for (int i = 0; i <= VERIFY_KEPT_MAX; i++) {
        snprintf(text, sizeof(text), "opaque-%d", i);
        ask(&w, text, "ann", "");
    }
    CHECK_INT(w.t.loop->metrics.values[METRIC_TOKENS_KEPT], VERIFY_KEPT_MAX);
    ask(&w, "opaque-1", "ann", "");
    CHECK_INT(w.n_asked, VERIFY_KEPT_MAX + 1);
    ask(&w, "opaque-0", "ann", "");
    CHECK_INT(w.n_asked, VERIFY_KEPT_MAX + 2);
    shut(&w);
}

/* One asker has a part of them, so nobody keeps others from logging in by asking.
 * req: S-69 */
CASE(questions_under_way_are_bounded)
{
    struct world w;
    char asker[8];

    open_world(&w, 1);
    w.is_slow = true;
    for (int i = 0; i < VERIFY_RUNNING_MAX; i++) {
        if (i % VERIFY_RUNNING_OF_ONE == 0 && i) {
            verifier_ask(w.v, &(struct verify_question){SLICE_LIT("opaque"), slice_of(asker)}, keep,
                         &w);
            CHECK(w.n_done == 1 && strstr(w.error, "Too many tokens"));
            w.n_done = 0;
        }
        snprintf(asker, sizeof(asker), "a%d", i / VERIFY_RUNNING_OF_ONE);
        verifier_ask(w.v, &(struct verify_question){SLICE_LIT("opaque"), slice_of(asker)}, keep,
                     &w);
    }
    CHECK_INT(w.n_done, 0);
    ask(&w, "opaque", "", "Too many tokens");
    CHECK_INT(w.n_asked, VERIFY_RUNNING_MAX);
    w.n_done = 0;
    for (int i = 0; i < VERIFY_RUNNING_MAX; i++)
        settle(&w, w.waiting[i]);
    CHECK_INT(w.n_done, VERIFY_RUNNING_MAX);
    CHECK_TEXT(w.id, "ann");
    shut(&w);
}

CASE(who_still_waits_at_the_end_is_refused)
{
    struct world w;

    open_world(&w, 1);
    w.is_slow = true;
    verifier_ask(w.v, &(struct verify_question){SLICE_LIT("opaque"), SLICE_LIT("them")}, keep, &w);
    verifier_ask(w.v, &(struct verify_question){SLICE_LIT("other"), SLICE_LIT("them")}, keep, &w);
    verifier_close(w.v);
    verification_settle(w.waiting[0], (struct slice){0});
    CHECK_TEXT(w.error, "The server is shutting down");
    settle(&w, w.waiting[1]);
    CHECK_INT(w.n_done, 2);
    CHECK_TEXT(w.error, "The server is shutting down");
    turns_deinit(&w.t);
}

CASES(RUN(our_own_tokens_are_answered_here), RUN(without_anybody_to_ask_the_others_are_refused),
      RUN(a_provider_is_asked_once_and_decides_alone),
      RUN(what_is_remembered_ends_with_who_said_it), RUN(what_is_remembered_ends_with_time),
      RUN(what_is_remembered_is_bounded), RUN(questions_under_way_are_bounded),
      RUN(who_still_waits_at_the_end_is_refused))
