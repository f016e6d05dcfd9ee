/* lineage: the tokens somebody's right to be here has come from, the first login's first, the one
 * presented last. It stands in a struct user and never changes with it; every token that is minted
 * carries its maker's on. So a token whose maker was revoked is refused like its maker, whatever
 * lies between them, and what one token was bound to binds those that come from it. Pure; any
 * thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum {
    LINEAGE_DIGEST_BYTES = 16, /* the first bytes of the digests tokens are revoked by */
    LINEAGE_MAX = 16,          /* tokens in a line: the last of so many mints no other */
    LINEAGE_BYTES_MAX = 1024,  /* a lineage, encoded */
};

struct lineage {
    /* owned; behind the last one the session, where there is one */
    uint8_t (*digests)[LINEAGE_DIGEST_BYTES];
    unsigned n; /* 0: by no token, by the root token, or not known */
    /* else nobody knows by which tokens: nothing may be minted */
    bool is_known;
    /* the last one is a reconnection token: it continues the login of those before */
    bool is_continuation;
    /* else no reconnection token was made yet, or by a release that knew no sessions */
    bool has_session;
    /* Unix seconds: when the last of a line of children ends; 0 = bounded by nothing. A
     * reconnection brings it along */
    int64_t until;
    char *client_id; /* owned: the one client a child was bound to; or NULL */
    /* owned: the digest of the root token, where that is what it came by; a reconnection ends with
     * it */
    uint8_t *root;
};

void lineage_deinit(struct lineage *l);
void lineage_copy(const struct lineage *l, struct lineage *ret);
size_t lineage_taken(const struct lineage *l); /* of the heap */
/* What the reconnection tokens of one login have in common, by which they are revoked,
 * LINEAGE_DIGEST_BYTES; borrowed. NULL: none. */
const uint8_t *lineage_session(const struct lineage *l);
/* the session counts */
bool lineage_has(const struct lineage *l, const uint8_t *digest);
/* Who has come in by it has a session from now on: that of the reconnection token it came by, if
 * that has one. */
void lineage_begin_session(struct lineage *l);
/* By the root token. */
void lineage_set_root(struct lineage *l, struct slice root_token);
bool lineage_is_by_root(const struct lineage *l, struct slice root_token);
/* Another token at the end. digest: at least LINEAGE_DIGEST_BYTES. */
void lineage_add(struct lineage *l, const uint8_t *digest);

/* As the value of a claim: what a token minted now says of where it comes from. as_continuation:
 * for a reconnection token, which has the login itself before it and no reconnection token; a child
 * that is made by one has its session instead. */
void lineage_add_claim(struct buf *b, const struct lineage *l, bool as_continuation);
/* From such a value. False: it is none. */
MUST_CHECK bool lineage_read_claim(struct slice value, struct lineage *ret);
/* The same, whole, for a user map between parts of this server. */
void lineage_add_mp(struct buf *b, const struct lineage *l);
MUST_CHECK bool lineage_read_mp(struct slice value, struct lineage *ret);
