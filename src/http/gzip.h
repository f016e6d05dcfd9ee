/* gzip: bodies in and out; the only user of zlib. Pure; any thread, one at a time for each
 * http_gunzip. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

struct account;
struct http_gunzip;

enum { HTTP_GZIP_OK, HTTP_GZIP_CORRUPT, HTTP_GZIP_TOO_LARGE, HTTP_GZIP_NO_MEMORY, HTTP_GZIP_MORE };

/* Bytes that are unpacked as they come. NULL: the account has no room for what that takes, some 40
 * KB. */
MUST_CHECK NONNULL(1) struct http_gunzip *http_gunzip_new(struct account *account);
/* takes NULL; returns NULL */
struct http_gunzip *http_gunzip_free(struct http_gunzip *g);
/* Appends at most n_most bytes of what these hold. OK: they end where a whole ends; MORE: not, or
 * there is more in them. CORRUPT and NO_MEMORY are final. *ret_used: how many were used. */
MUST_CHECK int http_gunzip_some(struct http_gunzip *g, struct slice packed, size_t n_most,
                                struct buf *out, size_t *ret_used);

/* Appends the inflated bytes, at most cap_bytes. */
MUST_CHECK int http_gunzip(struct slice bytes, size_t cap_bytes, struct buf *out);
/* Appends the gzip form, level 1. False when memory is exhausted: `out` is as before. */
MUST_CHECK bool http_gzip(struct slice bytes, struct buf *out);
/* Whether an Accept-Encoding value admits gzip. */
bool http_gzip_is_accepted(struct slice accept_encoding);
/* Whether a content type is worth compressing. */
bool http_gzip_suits(const char *content_type);
