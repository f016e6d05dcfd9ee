/* lodging_record: the stored record of a persistent workspace. Hub loop. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

struct hub;
struct workspace;

/* Writes the record of a persistent workspace as it is; several changes in a row become one write. */
void lodging_save(struct hub *h, const struct workspace *w);
enum {
    LODGING_KEPT,           /* every change made so far survives a crash */
    LODGING_NOT_KEPT,       /* the store refused: the workspace is again what the store has (one it never
                             * had: what it was when it was made) */
    LODGING_UNKNOWN_KEPT,   /* the store refused, and cannot be read either: the change holds until the server ends */
    LODGING_GONE,           /* the workspace was deleted meanwhile */
    LODGING_CLOSED,         /* the server ends: the answer reaches nobody */
};
typedef void lodging_kept(int outcome, void *arg);
/* Tells when all that lodging_save was called for so far is stored, or has failed. May call back at once: nothing is under way,
 * or the workspace is none that is kept. Under LODGING_CLOSED the callback must not ask for anything. */
void lodging_when_kept(struct hub *h, const struct workspace *w, lodging_kept *kept, void *arg);
/* Removes the stored record of a workspace; done (STORE_OK, STORE_FAILED) comes when it will not come back after a crash, and is
 * to remove the workspace: otherwise a change made meanwhile writes it anew. May be called for any. */
typedef void lodging_forgotten(int outcome, void *arg);
void lodging_forget(struct hub *h, const struct workspace *w, lodging_forgotten *done, void *arg);
/* Makes the workspace of a stored record, or gives a system one what was put there; false when the record does not parse.
 * Before clients come. */
bool lodging_load(struct hub *h, struct slice record);
/* Before the store closes: writes what is not written yet, and lets go of all who wait. */
void lodging_close_records(struct hub *h);
