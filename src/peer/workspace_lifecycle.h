/* workspace_lifecycle: workspaces coming and going: which exist, which are made on demand, when an
 * empty one is given up. Hub loop. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

struct hub;
struct in6_addr;
struct user;
struct workspace;

/* public, ws-user-root and ws-anonymous, which are always there. Before the loops run. */
void workspaces_make_system(struct hub *h);

enum {
    WORKSPACE_OPENED,
    WORKSPACE_UNKNOWN, /* 'Workspace X does not exist or is not accessible' */
    WORKSPACE_DYNAMIC, /* "*": Dynamic workspace is not allowed for this endpoint */
    /* the user's own workspace cannot have that name: workspace_id_error() says why */
    WORKSPACE_BAD_NAME,
};
/* The workspace of that id for this user, made on demand where the rules allow it. address: of who
 * asks. */
int workspace_open(struct hub *h, struct slice id, const struct user *u,
                   const struct in6_addr *address, struct workspace **ret);
/* The same question without making anything; *ret is NULL when it would be made. */
int workspace_resolve(struct hub *h, struct slice id, const struct user *u, struct workspace **ret);
enum { WORKSPACE_OPEN_ERROR_MAX = 400 };
/* The text of an outcome, for people. */
void workspace_open_error(int outcome, struct slice id, char out[WORKSPACE_OPEN_ERROR_MAX]);
/* A client has left: an empty workspace that nothing keeps is unloaded, at once or after the grace
 * period. */
void workspace_client_left(struct hub *h, struct workspace *w);
/* Unloads it at once, when nobody is inside and nothing keeps it; else false, and nothing has
 * changed (D-32). */
bool workspace_unload_if_idle(struct hub *h, struct workspace *w);
/* Somebody acts in a workspace without being a client of it (one HTTP request): an empty one that
 * nothing keeps is unloaded once nobody has for a while. */
void workspace_visited(struct hub *h, struct workspace *w);
