/* gzip: bodies in and out (http.md 1.6); the only user of zlib. Pure; any thread. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

enum { HTTP_GZIP_OK, HTTP_GZIP_CORRUPT, HTTP_GZIP_TOO_LARGE, HTTP_GZIP_NO_MEMORY };

/* Appends the inflated bytes, at most cap_bytes. */
MUST_CHECK int http_gunzip(struct slice bytes, size_t cap_bytes, struct buf *out);
/* Appends the gzip form, level 1. False when memory is exhausted: `out` is as before. */
MUST_CHECK bool http_gzip(struct slice bytes, struct buf *out);
/* Whether an Accept-Encoding value admits gzip. */
bool http_gzip_is_accepted(struct slice accept_encoding);
/* Whether a content type is worth compressing. */
bool http_gzip_suits(const char *content_type);
