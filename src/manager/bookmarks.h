/* bookmarks: what a user keeps in the list of the personal workspace, config.bookmarks. Hub
 * loop. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"
#include "manager/reply.h"

struct hub;
struct user;
struct workspace;

/* The user's personal workspace; NULL when there is none (child tokens have none). */
struct workspace *bookmarks_home(struct hub *h, const struct user *u);
/* Puts a bookmark at the end of the list, in place of one of the same type and id, and tells the
 * workspace. item: an encoded map with bookmark_type and id. Nothing has changed unless
 * RECORD_OK. */
enum record_outcome bookmarks_put(struct hub *h, struct workspace *home, struct slice item);
/* The same without it; a bookmark that is not there is no error. */
void bookmarks_remove(struct hub *h, struct workspace *home, struct slice type, struct slice id);
/* The bookmark of a workspace. */
enum record_outcome bookmarks_put_workspace(struct hub *h, struct workspace *home,
                                            const struct workspace *w);
