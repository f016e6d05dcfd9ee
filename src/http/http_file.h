/* http_file: answering a request with a file below a folder of the operator's: entity tag, dates,
 * one range, HEAD. Files are opened and read on worker threads, piece by piece as the client takes
 * them; a slow client holds one piece. Loop of the request. */
#pragma once
#include "base/slice.h"
#include "http/response.h"

struct http_request;

struct http_file {
    const char *folder;       /* outlives the server */
    struct slice path;        /* decoded, relative; copied */
    const char *content_type; /* NULL: by the name. Outlives the server */
    /* When there is no such file: 404 of that family with this text. Outlives the server. */
    enum http_error_family family;
    const char *absent;
    /* asked for as a folder without a slash: where there is such a file, that is what is
     * answered */
    bool is_at_folder;
};

/* Ends the request, now or later. */
void http_file_respond(struct http_request *req, const struct http_file *file);
