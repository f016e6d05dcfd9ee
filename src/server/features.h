/* features: the rooms that declare a feature (http/feature.h), walked for each step of their life.
 * None of them is named here. */
#pragma once
#include <stdbool.h>

#include "base/assert.h"
#include "http/feature_set.h"

struct manager;
struct server;

void features_make(struct server *s); /* before the loops run; fills s->features */
/* after the loops are joined; harmless when none are made */
void features_free(struct server *s);

/* The rows of the main site or of the admin listener's, in the order they are matched. The caller
 * frees them. */
struct http_routes features_routes(const struct feature_set *set, bool is_admin);
/* Whether no row that hangs on options, such as a mounted folder's, begins with the name of a const
 * row; else the error is logged. */
MUST_CHECK bool features_check_routes(const struct feature_set *set);
/* Hooks of a site, arg: the set. Loop of the request. */
bool features_allow(struct http_request *req, unsigned *ret_retry_after_s, void *arg);
void features_on_done(struct http_request *req, void *arg);

/* Hub loop. */
void features_open(struct feature_set *set, struct manager *m); /* after manager_new() */
/* calls that wait are settled */
void features_drain(struct feature_set *set);
/* before manager_free(); harmless when not open */
void features_close(struct feature_set *set);
