/* location: where a redirect leads, built from decoded pieces that are encoded here. A browser
 * reads `\` as `/` and two of them as the beginning of a host; whatever a piece holds, it stays one
 * piece of a path on this server. There is no way to make one from a whole text. Pure. */
#pragma once
#include "base/buf.h"
#include "base/slice.h"

struct http_request;

struct location {
    struct buf text; /* owned; http_respond_redirect takes it over */
};

/* A path of this server: its base path, nothing behind it yet. */
void location_here(struct location *l, const struct http_request *req);
/* A path of a host the operator has named: https. */
void location_there(struct location *l, const char *host);
/* Adds the segments of a decoded path. Empty ones, `.` and `..` are left out: they would be
 * resolved by who reads them. */
void location_add_path(struct location *l, struct slice path);
/* Ends the path as a folder. */
void location_add_slash(struct location *l);
/* Adds the pairs of a query as it was sent, each decoded and encoded again. */
void location_add_query(struct location *l, struct slice query);
