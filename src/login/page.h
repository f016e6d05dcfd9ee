/* page: the login pages: documents and their files, embedded when the program is built, and the
 * headers that keep strangers out of them. Nothing here looks at a token, so an old cookie breaks
 * no page (D-35). Any loop. (workspaces-and-auth 9) */
#pragma once
#include <stddef.h>

struct buf;
struct config;
struct http_request;
struct login;
struct slice;

struct login_file {
    const char *name, *type;
    const unsigned char *bytes;
    size_t n_bytes;
};
extern const struct login_file login_files[];
extern const size_t login_n_files;

/* Answers with the document of that name: the embedded one, told what its scripts must know (the
 * origins they may lead to, the provider) in a meta element. */
void page_respond(struct http_request *req, const char *name);
/* The same as text. */
void page_text(const struct config *c, const char *name, struct buf *out);
/* Answers as the client does that offers the login service in our place. */
void page_other(struct login *l, struct http_request *req);
