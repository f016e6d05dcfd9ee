/* url: request targets and query strings. Pure; any thread. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Percent-decodes (plus_is_blank: query strings). Invalid UTF-8 becomes U+FFFD; a '%' without two
 * hex digits stays. */
void url_decode(struct slice text, bool plus_is_blank, struct buf *out);
void url_encode(struct slice text, struct buf *out); /* all but unreserved (RFC 3986 2.3) */
/* Splits "path?query": query empty without '?'; a fragment is dropped; an absolute-form target
 * loses scheme and authority. */
void url_split_target(struct slice target, struct slice *ret_path, struct slice *ret_query);
/* Walks name=value pieces, still encoded; empty pieces are skipped. *rest starts as the query. */
bool url_next_pair(struct slice *rest, struct slice *ret_name, struct slice *ret_value);
/* The decoded value of the last `name`; false when absent. */
bool url_query_find(struct slice query, const char *name, struct buf *out);
