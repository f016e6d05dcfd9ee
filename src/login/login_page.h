/* login_page: the login pages: documents and their files, embedded when the program is built, and
 * the headers that keep strangers out of them. Nothing here looks at a token, so an old cookie
 * breaks no page (D-35). Any loop. */
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
/* Handlers of routes, arg is the login. Any loop. */
void page_on_login(struct http_request *req, void *arg); /* /login */
void page_on_bare(struct http_request *req, void *arg);  /* the page without its slash */
void page_on_page(struct http_request *req, void *arg);
void page_on_profile(struct http_request *req, void *arg);
void page_on_file(struct http_request *req, void *arg);
/* everything below that is no page of ours */
void page_on_other(struct http_request *req, void *arg);
/* The login page as the text of one document, what `index` answers. Any loop. */
void login_page_text(const struct login *l, struct buf *out);
