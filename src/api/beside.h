/* beside: what an HTTP call takes of a loop's time grows with what it carries, so long arguments
 * are read, and long answers are written, by a worker; short ones at once. Either way the next
 * thing is done by a function that is run only while the client is there. Loop of the request. */
#pragma once
#include "api/caller.h"

struct beside_args {
    int outcome;        /* of api/args.h */
    struct slice error; /* the detail, unless it is API_ARGS_OK */
    struct slice array; /* encoded; empty = no arguments */
    struct blob *blob;  /* what the array lies in; NULL when it is short */
    bool with_kwargs;
};
/* All of it is borrowed for the call. */
typedef void beside_read_then(struct caller *c, struct http_request *req,
                              const struct beside_args *args);
/* The arguments of the request; keeps: of struct api_args. When nobody can read them it is answered
 * with 503 instead. */
void beside_read(struct caller *c, struct http_request *req, unsigned keeps,
                 beside_read_then *then);

enum beside_outcome {
    BESIDE_OK,
    BESIDE_FUNCTION,
    BESIDE_NAN,
    BESIDE_BYTES,
    BESIDE_NO_ROOM,
    BESIDE_BUSY
};
struct beside_value {
    struct slice value;
    /* what it lies in, which is kept until it is written; NULL: it is copied */
    struct msg *msg;
    bool refuses_functions;     /* BESIDE_FUNCTION when one is inside */
    const char *before, *after; /* what stands around JSON text; literals, or NULL */
};
/* text: JSON, or MessagePack when the caller wants that; may be taken over. BESIDE_NO_ROOM: its
 * account has refused. */
typedef void beside_write_then(struct caller *c, struct http_request *req,
                               enum beside_outcome outcome, struct held_buf *text);
void beside_write(struct caller *c, struct http_request *req, const struct beside_value *v,
                  beside_write_then *then);
/* What is told of an outcome that is none, in room where it is made. */
struct slice beside_error(enum beside_outcome outcome, const struct held_buf *text,
                          char room[ACCOUNT_REFUSAL_MAX]);
