/* revocation: tokens that are refused before their time. A set of digests in memory, so that asking costs nothing, written
 * through to the store, so that it outlives the process. A token past its own expiry needs no entry: swept.
 * Owned by one loop, the store's. (workspaces-and-auth 3.7) */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"

struct revocations;
struct store;

enum { REVOCATION_OK, REVOCATION_FULL, REVOCATION_FAILED };
enum { REVOCATIONS_MAX = 1000000 };     /* entries: about 100 MiB; further ones are refused */

typedef void revocation_done(int outcome, void *arg);

struct revocations *revocations_new(struct loop *loop, struct store *store);        /* borrows both; empty until loaded */
/* Reads what was kept. Until done (OK or FAILED) has come, revocation_has() may miss: do not serve before. Once. */
void revocations_load(struct revocations *r, revocation_done *done, void *arg);
/* Ends the sweeping: before the loop stops and the store closes. */
void revocations_stop(struct revocations *r);
void revocations_free(struct revocations *r);       /* after the store has closed: it may still hold callbacks before */

/* Takes effect at once; done comes when it will survive a crash (OK), or has not been kept (FAILED: it holds until the
 * process ends), or was refused (FULL). done may come before the call returns, and may be NULL. */
void revocation_add(struct revocations *r, const uint8_t digest[32], int64_t expires_at, revocation_done *done, void *arg);
bool revocation_has(const struct revocations *r, const uint8_t *digest);     /* LINEAGE_DIGEST_BYTES of it count */
/* Whether somebody is refused: one of the tokens they have come by was revoked. */
struct user;
bool revocation_covers(const struct revocations *r, const struct user *u);
