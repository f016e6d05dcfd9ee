/* workspace_persistence: the stored record of a persistent workspace. Hub loop. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

struct hub;
struct workspace;

/* Writes the record of a persistent workspace as it is; several changes in a row become one
 * write. */
void workspace_persist(struct hub *h, const struct workspace *w);
enum {
    WORKSPACE_PERSISTED, /* every change made so far survives a crash */
    /* the store refused: the workspace is again what the store has (one it never had: what it was
     * when it was made) */
    WORKSPACE_NOT_PERSISTED,
    /* the store refused, and cannot be read either: the change holds until the server ends */
    WORKSPACE_PERSISTENCE_UNKNOWN,
    WORKSPACE_GONE,           /* the workspace was deleted meanwhile */
    WORKSPACE_RECORDS_CLOSED, /* the server ends: the answer reaches nobody */
};
typedef void workspace_persisted_fn(int outcome, void *arg);
/* Tells when all that workspace_persist was called for so far is stored, or has failed. May call
 * back at once: nothing is under way, or the workspace is none that is kept. Under
 * WORKSPACE_RECORDS_CLOSED the callback must not ask for anything. */
void workspace_when_persisted(struct hub *h, const struct workspace *w,
                              workspace_persisted_fn *kept, void *arg);
/* Removes the stored record of a workspace; done (STORE_OK, STORE_FAILED) comes when it will not
 * come back after a crash, and is to remove the workspace: otherwise a change made meanwhile writes
 * it anew. May be called for any. */
typedef void workspace_forgotten_fn(int outcome, void *arg);
void workspace_forget_record(struct hub *h, const struct workspace *w, workspace_forgotten_fn *done,
                             void *arg);
/* Makes the workspace of a stored record, or gives a system one what was put there; false when the
 * record does not parse. Before clients come. */
bool workspace_load_record(struct hub *h, struct slice record);
/* Before the store closes: writes what is not written yet, and lets go of all who wait. */
void workspaces_close_records(struct hub *h);
