/* api_answer: the value a call came to, as the answer of its request. Loop of the request. */
#pragma once
#include "api/caller.h"

/* Answers, ends the request and the caller; a long one in a later turn. JSON, or msgpack when that
 * was asked for. msg: what the value lies in; NULL: a long one is copied. */
void answer_value(struct caller *c, struct http_request *req, struct slice value, struct msg *msg);
