/* verify: whose token this is: ours, a provider's, or another issuer's. Asked by everything that is
 * given a token, and answered on the hub loop, at once or after a question to somebody else; never
 * later than VERIFY_LONGEST_MS. Who is not known is refused.
 *
 *   root token, or signed by us  ->  here (auth/token.h)
 *   else a provider is there     ->  it alone decides (11)
 *   else RS256                   ->  by the issuer's keys, on the worker pool
 *
 * What was found out by asking is remembered for VERIFY_KEEP_MS, as long as the same provider, or
 * the same keys, would be asked. */
#pragma once
#include <stdint.h>

#include "auth/token.h"
#include "base/slice.h"

struct loop;
struct verifier;
struct verification;

enum {
    VERIFY_KEEP_MS = 60 * 1000,
    VERIFY_KEPT_MAX = 4096,
    VERIFY_RUNNING_MAX = 1000, /* questions under way; further ones are refused */
    VERIFY_RUNNING_OF_ONE = VERIFY_RUNNING_MAX / 4, /* of them, those of one asker */
    VERIFY_PROVIDER_MS = 5 * 1000,
    VERIFY_LONGEST_MS = 10 * 1000,
};

struct verifier_options { /* the texts are copied */
    struct loop *loop;    /* the hub loop; borrowed, as the keys */
    const struct token_keys *keys;
    const char *issuer_url; /* NULL = no other issuer */
    const char *ca_file;    /* NULL = the system's authorities */
};

/* Somebody else who knows tokens. Set and taken away by the room that can talk to it. */
struct verifier_provider {
    /* Names whoever would be asked: 0 = nobody. Another number is another provider. */
    uint64_t (*who)(void *arg);
    /* Must lead to one verification_settle(), now or within VERIFY_PROVIDER_MS. text: valid until
     * then. */
    void (*ask)(void *arg, struct slice text, struct verification *v);
    void *arg;
};

/* token: NULL = refused, and error (borrowed) says why, as token_parse does. Else it is the
 * callee's: token_deinit. May come before the call that asked has returned. */
typedef void verify_done(struct token *token, const char *error, void *arg);

struct verifier *verifier_new(const struct verifier_options *options);
/* Refuses what waits, and everything from then on. Freed when the last job of the worker pool is
 * back. Takes NULL; returns NULL. */
struct verifier *verifier_close(struct verifier *v);
/* copied; NULL takes it away */
void verifier_set_provider(struct verifier *v, const struct verifier_provider *provider);

/* What the token is shown for. Whoever says nothing takes it for all it may do. */
enum verify_use {
    VERIFY_TO_ACT,     /* neither expired nor for reconnecting */
    VERIFY_TO_CONNECT, /* a reconnection token too */
    VERIFY_TO_REVOKE,  /* any that was ever good */
};
struct verify_question { /* borrowed for the call */
    struct slice text;
    struct slice asker; /* whose share of the questions under way it takes */
    enum verify_use use;
};
void verifier_ask(struct verifier *v, const struct verify_question *q, verify_done *done,
                  void *arg);
/* As if there were no provider: for the provider itself, when it meets a token it does not know. */
void verifier_ask_default(struct verifier *v, const struct verify_question *q, verify_done *done,
                          void *arg);
/* The provider's answer: an encoded UserInfo map; len 0 = it refused, or did not answer. */
void verification_settle(struct verification *v, struct slice user_map);
