/* generator: a result that comes item by item (W-077). Loop of the request. */
#pragma once
#include "api/caller.h"

/* Answers with the stream of a generator reference; ends the caller when the generator ends or the
 * client leaves. */
void generator_stream(struct caller *c, struct http_request *req, struct slice ref);
bool generator_is(struct slice value);
