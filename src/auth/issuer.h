/* issuer: the keys of a foreign issuer of tokens, fetched when first needed and kept. Owned by one
 * loop, the hub loop.
 *
 *   no keys    fetched when a token asks; after a failure not again for ISSUER_RETRY_MS
 *   keys       good for ISSUER_FRESH_MS; then they serve on while new ones are fetched,
 *              ISSUER_STALE_MS at the most
 *   other id   fetched anew, once in ISSUER_UNKNOWN_MS whatever tokens claim: a key that was
 *              rotated in is found at once
 *
 * (D-38) */
#pragma once
#include <stdint.h>

#include "auth/jwks.h"
#include "base/list.h"

struct fetch;
struct fetch_reply;
struct fetcher;
struct loop;

enum { ISSUER_OK, ISSUER_UNKNOWN_KEY, ISSUER_UNREACHABLE, ISSUER_BUSY };
enum {
    ISSUER_FRESH_MS = 12 * 3600 * 1000,
    ISSUER_STALE_MS = 36 * 3600 * 1000,
    ISSUER_UNKNOWN_MS = 60 * 1000,
    ISSUER_RETRY_MS = 5 * 1000,
    /* for both requests of one fetch: nobody waits longer */
    ISSUER_DEADLINE_MS = 10 * 1000,
    ISSUER_WAITING_MAX = 1000,
};

/* name: what `iss` must say. Both are borrowed for the call; on another outcome both are NULL. */
typedef void issuer_done(int outcome, const struct jwk *key, const char *name, void *arg);

struct issuer {
    struct loop *loop; /* borrowed, as the next three */
    struct fetcher *fetcher;
    const char *ca_file; /* or NULL */
    /* http(s)://host[:port][/path], with or without a slash at the end */
    const char *url;
    /* loop only */
    struct jwks *keys; /* owned; NULL = none */
    char name[JWKS_URL_MAX];
    uint64_t version; /* grows whenever other keys are taken over */
    uint64_t got_ms;  /* when keys were last fetched */
    /* when a fetch last failed; when an unknown id last caused one; 0 = never */
    uint64_t tried_ms, asked_ms;
    uint64_t started_ms;
    struct fetch *fetch; /* under way, or NULL */
    char next_name[JWKS_URL_MAX], keys_url[JWKS_URL_MAX];
    struct list waiting;
    size_t n_waiting;
};

void issuer_init(struct issuer *i, struct loop *loop, struct fetcher *fetcher, const char *url,
                 const char *ca_file);
/* who waits is told ISSUER_UNREACHABLE. Before the fetcher is closed */
void issuer_deinit(struct issuer *i);
/* done may come before the call returns, and comes within ISSUER_DEADLINE_MS. */
void issuer_find_key(struct issuer *i, const char *key_id, issuer_done *done, void *arg);
