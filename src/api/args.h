/* args: what an HTTP request says a function's arguments are. Pure. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

struct http_request;

struct api_args {
    struct buf array; /* encoded array for rpc_request.args; empty = no arguments */
    bool with_kwargs;
    /* of api_args_taken: names of the route that a body gives to the function; as a rule none */
    unsigned keeps;
};

/* Which names of the route (`workspace`, ...) that function, by its schema, has parameters of. */
unsigned api_args_taken(struct slice function);

enum { API_ARGS_OK, API_ARGS_BAD, API_ARGS_TYPE }; /* BAD: 400; TYPE: 415 */

/* What the arguments are in. NONE: in the query, or there are none. */
enum api_body { API_BODY_NONE, API_BODY_JSON, API_BODY_MSGPACK, API_BODY_OTHER };
enum api_body api_args_body(const struct http_request *req);
/* Of a body alone: any thread, and it takes long when the body is long. Appends to ret->array. */
MUST_CHECK int api_args_read_body(enum api_body kind, struct slice body, struct api_args *ret,
                                  struct buf *error);

/* On failure error has the detail. */
MUST_CHECK int api_args_read(const struct http_request *req, struct api_args *ret,
                             struct buf *error);
void api_args_deinit(struct api_args *a);
/* One query value to an encoded value: digits, floats, JSON objects, else text. False: a broken
 * JSON object. */
bool api_args_value(struct slice text, struct buf *out, struct buf *error);
