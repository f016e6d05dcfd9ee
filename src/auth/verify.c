/* verify: a question to somebody else is a struct verification, which ends in
 * verification_finish(), whatever happened on the way. The ways:
 *
 *   ask -> kept?  -> finish
 *       -> provider: who() -> verification_ask() ... verification_settle() -> finish
 *       -> issuer: key ... -> job on the pool ... -> finish */
#include "auth/verify.h"

#include <stdio.h>
#include <string.h>

#include "auth/issuer.h"
#include "base/clock.h"
#include "base/holders.h"
#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "loop/offload.h"
#include "net/fetch.h"
#include "wire/digest.h"

struct verifier {
    struct loop *loop;
    const struct token_keys *keys;
    struct fetcher *fetcher;
    struct issuer issuer;
    char *issuer_url, *ca_file; /* owned, or NULL */
    bool has_issuer, is_closed;
    struct verifier_provider provider;
    struct map kept;    /* digest -> struct kept, owned */
    struct list by_age; /* struct kept, oldest first */
    size_t n_running;
    struct holders askers; /* of those that run */
};

struct kept {
    struct list link;
    uint8_t digest[32]; /* of the whole text */
    uint64_t source;
    uint64_t until_ms;
    struct token token;
};

struct verification {
    struct job job;
    struct verifier *verifier;
    struct holding of_asker;
    /* who is asked: source_of_provider() or source_of_issuer() */
    uint64_t source;
    enum verify_use use;
    verify_done *done;
    void *arg;
    /* of the job */
    struct token_keys issuer;
    char name[JWKS_URL_MAX];
    struct rsa_key key;
    /* the answer */
    struct token token; /* user NULL = refused */
    char error[TOKEN_ERROR_MAX];
    size_t text_len;
    char text[];
};

/* ---- what is remembered ---- */

static uint64_t source_of_provider(const struct verifier *v)
{
    uint64_t who = v->provider.who ? v->provider.who(v->provider.arg) : 0;

    return who ? who << 1 | 1 : 0;
}

static uint64_t source_of_issuer(const struct verifier *v)
{
    return v->issuer.version << 1;
}

static void verification_forget(struct verifier *v, struct kept *k)
{
    map_take(&v->kept, slice_make(k->digest, sizeof(k->digest)));
    list_unlink(&k->link);
    token_deinit(&k->token);
    mem_free(k);
    loop_count(v->loop, METRIC_TOKENS_KEPT, -1);
}

static struct token copy_of(const struct token *t)
{
    struct token copy = *t;

    copy.user = user_ref(t->user);
    return copy;
}

/* The remembered answer of this source, if it still holds. */
static struct kept *find_kept(struct verifier *v, struct slice text, uint64_t source)
{
    uint8_t digest[32];

    digest_sha256(text, digest);
    struct kept *k = map_find(&v->kept, slice_make(digest, sizeof(digest)));
    if (!k)
        return NULL;
    bool is_expired =
        k->token.user->expires_at && k->token.user->expires_at <= token_now_ms(v->keys) / 1000;
    if (k->source == source && !is_expired && loop_now_ms(v->loop) < k->until_ms)
        return k;
    verification_forget(v, k);
    return NULL;
}

/* Whether a token that is good by its signature is good for this. */
static bool token_suits(enum verify_use use, const struct token *t, char ret_error[TOKEN_ERROR_MAX])
{
    const char *wrong = NULL;

    if (use != VERIFY_TO_REVOKE && t->has_expired)
        wrong = TOKEN_HAS_EXPIRED;
    else if (use == VERIFY_TO_ACT && t->user->lineage.is_continuation)
        wrong = TOKEN_IS_FOR_RECONNECTING;
    if (wrong)
        (void)snprintf(ret_error, TOKEN_ERROR_MAX, "%s", wrong);
    return !wrong;
}

/* The token is theirs if it suits. */
static void tell_token(enum verify_use use, struct token *token, verify_done *done, void *arg)
{
    char error[TOKEN_ERROR_MAX];

    if (token_suits(use, token, error)) {
        done(token, NULL, arg);
        return;
    }
    token_deinit(token);
    done(NULL, error, arg);
}

static void verification_keep(struct verifier *v, const struct verification *w)
{
    struct kept *k = MEM_NEW(struct kept);

    digest_sha256(slice_make(w->text, w->text_len), k->digest);
    struct kept *old = map_find(&v->kept, slice_make(k->digest, sizeof(k->digest)));
    if (old)
        verification_forget(v, old);
    else if (v->kept.n_entries >= VERIFY_KEPT_MAX)
        verification_forget(v, LIST_ENTRY(v->by_age.next, struct kept, link));
    k->source = w->source;
    k->until_ms = loop_now_ms(v->loop) + VERIFY_KEEP_MS;
    k->token = copy_of(&w->token);
    list_link(&v->by_age, &k->link);
    map_put(&v->kept, slice_make(k->digest, sizeof(k->digest)), k);
    loop_count(v->loop, METRIC_TOKENS_KEPT, 1);
}

/* ---- life ---- */

struct verifier *verifier_new(const struct verifier_options *options)
{
    struct verifier *v = MEM_NEW(struct verifier);

    LOOP_ASSERT(options->loop);
    v->loop = options->loop;
    v->keys = options->keys;
    map_init(&v->kept);
    list_init(&v->by_age);
    holders_init(&v->askers);
    v->has_issuer = options->issuer_url != NULL;
    if (v->has_issuer) {
        v->fetcher = fetcher_new(v->loop);
        v->issuer_url = mem_copy(options->issuer_url, strlen(options->issuer_url));
        v->ca_file = options->ca_file ? mem_copy(options->ca_file, strlen(options->ca_file)) : NULL;
        issuer_init(&v->issuer, v->loop, v->fetcher, v->issuer_url, v->ca_file);
    }
    return v;
}

static void verifier_free(struct verifier *v)
{
    map_deinit(&v->kept);
    holders_deinit(&v->askers);
    mem_free(v->issuer_url);
    mem_free(v->ca_file);
    mem_free(v);
}

static void verification_finish(struct verification *w)
{
    struct verifier *v = w->verifier;
    bool is_good = w->token.user && !v->is_closed && token_suits(w->use, &w->token, w->error);

    v->n_running--;
    holding_leave(&v->askers, &w->of_asker);
    if (is_good) {
        if (!w->token.has_expired)
            verification_keep(v, w);
        w->done(&w->token, NULL, w->arg);
    } else {
        token_deinit(&w->token);
        loop_count(v->loop, METRIC_TOKENS_REFUSED, 1);
        w->done(NULL, v->is_closed ? "The server is shutting down" : w->error, w->arg);
    }
    explicit_bzero(w->text, w->text_len);
    mem_free(w);
    if (v->is_closed && !v->n_running)
        verifier_free(v);
}

struct verifier *verifier_close(struct verifier *v)
{
    if (!v)
        return NULL;
    LOOP_ASSERT(v->loop);
    v->is_closed = true;
    v->n_running++; /* ours: what is told must not free it under us */
    if (v->has_issuer)
        issuer_deinit(&v->issuer);
    v->fetcher = fetcher_close(v->fetcher);
    while (!list_is_empty(&v->by_age))
        verification_forget(v, LIST_ENTRY(v->by_age.next, struct kept, link));
    if (--v->n_running == 0)
        verifier_free(v);
    return NULL;
}

void verifier_set_provider(struct verifier *v, const struct verifier_provider *provider)
{
    v->provider = provider ? *provider : (struct verifier_provider){0};
}

/* ---- the issuer ---- */

static void verification_refuse(struct verification *w, const char *text)
{
    (void)snprintf(w->error, sizeof(w->error), "%s", text);
    verification_finish(w);
}

static void verification_work(struct job *job)
{
    struct verification *w = CONTAINER_OF(job, struct verification, job);

    if (token_read_rs256(&w->issuer, &w->key, slice_make(w->text, w->text_len), &w->token,
                         w->error) != TOKEN_OK)
        w->token = (struct token){0};
}

static void verification_worked(struct job *job)
{
    verification_finish(CONTAINER_OF(job, struct verification, job));
}

static void on_key(int outcome, const struct jwk *key, const char *name, void *arg)
{
    static const char *const texts[] = {
        [ISSUER_UNKNOWN_KEY] = "Signature verification failed. The issuer has no such key",
        [ISSUER_UNREACHABLE] = "The keys of the token issuer cannot be fetched, please retry",
        [ISSUER_BUSY] = "Too many tokens are being verified, please retry"};
    struct verification *w = arg;
    struct verifier *v = w->verifier;

    if (outcome != ISSUER_OK || v->is_closed) {
        verification_refuse(w, outcome == ISSUER_OK ? "" : texts[outcome]);
        return;
    }
    w->source = source_of_issuer(v);
    w->key = key->rsa;
    (void)snprintf(w->name, sizeof(w->name), "%s", name);
    w->issuer = (struct token_keys){.issuer = w->name,
                                    .audience = v->keys->audience,
                                    .name_space = v->keys->name_space,
                                    .since_wall_ms = v->keys->since_wall_ms,
                                    .since_ms = v->keys->since_ms};
    w->job = (struct job){
        .class = OFFLOAD_CRYPTO, .work = verification_work, .done = verification_worked};
    ASSERT(offload(v->loop, &w->job) == OFFLOAD_OK); /* no more than VERIFY_RUNNING_MAX */
}

/* ---- asking ---- */

static struct verification *verification_new(struct verifier *v, const struct verify_question *q,
                                             verify_done *done, void *arg)
{
    struct slice text = q->text;
    struct verification *w = mem_new(sizeof(*w) + text.len);

    w->verifier = v;
    w->use = q->use;
    w->done = done;
    w->arg = arg;
    w->text_len = text.len;
    memcpy(w->text, text.ptr, text.len);
    v->n_running++;
    holding_take(&v->askers, &w->of_asker, q->asker, 1);
    return w;
}

static bool answer_kept(struct verifier *v, const struct verify_question *q, uint64_t source,
                        verify_done *done, void *arg)
{
    struct kept *k = find_kept(v, q->text, source);

    if (!k)
        return false;
    struct token token = copy_of(&k->token);
    tell_token(q->use, &token, done, arg);
    return true;
}

static bool verification_is_full(const struct verifier *v, struct slice asker, verify_done *done,
                                 void *arg)
{
    if (v->n_running < VERIFY_RUNNING_MAX && holders_of(&v->askers, asker) < VERIFY_RUNNING_OF_ONE)
        return false;
    loop_count(v->loop, METRIC_TOKENS_REFUSED, 1);
    done(NULL, "Too many tokens are being verified, please retry", arg);
    return true;
}

/* A token nobody here has signed. error: what to say when nobody else may be asked either.
 * provider: 0 = there is none. */
struct foreign {
    struct verify_question question;
    uint64_t provider;
    const char *error;
};

static void ask_others(struct verifier *v, const struct foreign *f, verify_done *done, void *arg)
{
    struct slice text = f->question.text;
    uint64_t provider = f->provider;
    uint64_t source = provider ? provider : source_of_issuer(v);
    char key_id[JWKS_ID_MAX];

    if (!provider && (!v->has_issuer || !token_names_key(text, key_id))) {
        done(NULL, f->error, arg);
        return;
    }
    if (answer_kept(v, &f->question, source, done, arg) ||
        verification_is_full(v, f->question.asker, done, arg))
        return;
    struct verification *w = verification_new(v, &f->question, done, arg);
    w->source = source;
    if (provider)
        v->provider.ask(v->provider.arg, slice_make(w->text, w->text_len), w);
    else
        issuer_find_key(&v->issuer, key_id, on_key, w);
}

static void verification_ask(struct verifier *v, const struct verify_question *q, uint64_t provider,
                             verify_done *done, void *arg)
{
    struct slice text = q->text;
    char error[TOKEN_ERROR_MAX] = "";
    struct token token;

    LOOP_ASSERT(v->loop);
    int r = token_read(v->keys, text, &token, error);
    if (r == TOKEN_OK) {
        tell_token(q->use, &token, done, arg);
    } else if (r != TOKEN_FOREIGN || v->is_closed || token_strip(&text, error) != TOKEN_OK ||
               text.len > TOKEN_MAX) {
        done(NULL, error, arg);
    } else {
        ask_others(v, &(struct foreign){{text, q->asker, q->use}, provider, error}, done, arg);
    }
}

void verifier_ask(struct verifier *v, const struct verify_question *q, verify_done *done, void *arg)
{
    verification_ask(v, q, source_of_provider(v), done, arg);
}

void verifier_ask_default(struct verifier *v, const struct verify_question *q, verify_done *done,
                          void *arg)
{
    verification_ask(v, q, 0, done, arg);
}

void verification_settle(struct verification *w, struct slice user_map)
{
    char error[TOKEN_ERROR_MAX];

    if (!user_map.len) {
        verification_refuse(w, "The authentication provider refused the token");
    } else if (token_from_user(user_map, slice_make(w->text, w->text_len), &w->token, error) !=
               TOKEN_OK) {
        verification_refuse(w, error);
    } else {
        verification_finish(w);
    }
}
