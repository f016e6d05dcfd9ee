/* revocation: tokens that are refused before their time. A set of digests in memory, so that asking
 * costs nothing, written through to the store, so that it outlives the process. Owned by one loop,
 * the store's.
 *
 * Everybody has a share of the set, so that nobody can keep others from revoking: people by their
 * id, the anonymous by their address and, all together, a tenth. In a full share the entry goes
 * first whose token has expired, which holds for nothing but what that token has made; when there
 * is none, the next one is refused.
 *
 * An entry is kept as long as the token, or one that descends from it, could be good, and until
 * that has passed by a clock that only the running server moves: however wrong the wall clock is
 * for a while, what was revoked stays so. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "loop/loop.h"

struct revocations;
struct store;
struct user;

enum { REVOCATION_OK, REVOCATION_FULL, REVOCATION_FAILED };

typedef void revocation_done(int outcome, void *arg);

/* borrows both; empty until loaded */
struct revocations *revocations_new(struct loop *loop, struct store *store);
/* Reads what was kept. Until done (OK or FAILED) has come, revocation_has() may miss: do not serve
 * before. Once. */
void revocations_load(struct revocations *r, revocation_done *done, void *arg);
/* Ends the sweeping: before the loop stops and the store closes. */
void revocations_stop(struct revocations *r);
/* after the store has closed: it may still hold callbacks before */
void revocations_free(struct revocations *r);
/* The least that it can be now, Unix seconds: the wall clock, or the time that only the running
 * server moves when that is behind. */
int64_t revocations_now(const struct revocations *r);
/* Somebody else goes by it too: it is written down now, and every ten minutes from here on. */
void revocations_note_time(struct revocations *r);
/* Drops what nobody needs any longer; done by itself every minute. */
void revocations_sweep(struct revocations *r);

enum { REVOCATION_OWNER_MAX = 300 };
struct revocation {        /* borrowed for the call */
    const uint8_t *digest; /* 32 bytes, of the token */
    /* Unix seconds: of the token, and of the last that may descend from it */
    int64_t expires_at, until;
    /* whose share: "user:ID" or "ip:ADDRESS"; at most REVOCATION_OWNER_MAX bytes */
    struct slice owner;
};
struct revocation_limits {
    size_t all, of_user, of_address;
};
/* Takes effect at once; done comes when it will survive a crash (OK), or has not been kept (FAILED:
 * it holds until the process ends), or was refused (FULL: the owner's share, or all of them). done
 * may come before the call returns, and may be NULL. A token that is revoked already takes no
 * further place. */
void revocation_add(struct revocations *r, const struct revocation *v,
                    const struct revocation_limits *limits, revocation_done *done, void *arg);
/* LINEAGE_DIGEST_BYTES of it count */
bool revocation_has(const struct revocations *r, const uint8_t *digest);
/* Whether somebody is refused: one of the tokens they have come by was revoked. */
bool revocation_covers(const struct revocations *r, const struct user *u);
