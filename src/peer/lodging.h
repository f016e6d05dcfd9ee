/* lodging: workspaces coming and going: which exist, which are made on demand, when an empty one is given up.
 * Hub loop. (wire-protocol 1.5; workspaces-and-auth 8) */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

struct hub;
struct in6_addr;
struct user;
struct workspace;

/* public, ws-user-root and ws-anonymous, which are always there. Before the loops run. */
void lodging_make_system(struct hub *h);

enum {
    LODGING_OK,
    LODGING_UNKNOWN,        /* 'Workspace X does not exist or is not accessible' */
    LODGING_DYNAMIC,        /* "*": Dynamic workspace is not allowed for this endpoint */
    LODGING_BAD_NAME,       /* the user's own workspace cannot have that name: workspace_id_error() says why */
};
/* The workspace of that id for this user, made on demand where the rules allow it. address: of who asks. */
int lodging_open(struct hub *h, struct slice id, const struct user *u, const struct in6_addr *address, struct workspace **ret);
/* The same question without making anything; *ret is NULL when it would be made. */
int lodging_look(struct hub *h, struct slice id, const struct user *u, struct workspace **ret);
enum { LODGING_ERROR_MAX = 400 };
/* The text of an outcome, for people. */
void lodging_error(int outcome, struct slice id, char out[LODGING_ERROR_MAX]);
/* A client has left: an empty workspace that nothing keeps is unloaded, at once or after the grace period. */
void lodging_left(struct hub *h, struct workspace *w);
/* Unloads it at once, when nobody is inside and nothing keeps it; else false, and nothing has changed (D-32). */
bool lodging_give_up(struct hub *h, struct workspace *w);
/* Somebody acts in a workspace without being a client of it (one HTTP request): an empty one that nothing keeps is unloaded once
 * nobody has for a while. */
void lodging_visited(struct hub *h, struct workspace *w);

/* ---- the stored record ---- */

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
