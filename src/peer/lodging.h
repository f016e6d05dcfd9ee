/* lodging: workspaces coming and going: which exist, which are made on demand, when an empty one is given up.
 * Hub loop. */
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
