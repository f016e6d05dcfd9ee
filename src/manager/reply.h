/* reply: how a handler says no, and how it answers. A refusal is found deep down and told at the
 * top: it carries the class and the sentence the caller will read. Hub loop. */
#pragma once
#include <stdbool.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/slice.h"

struct account_refusal;
struct hub;
struct rpc_call;
struct workspace;

enum { REFUSAL_MAX = 4096 };

struct refusal {
    const char *class_name;
    char text[REFUSAL_MAX]; /* well-formed UTF-8, cut when longer */
};

/* Returns false, so that a check can `return refuse(...)`. */
bool refuse(struct refusal *r, const char *class_name, const char *fmt, ...) PRINTF_LIKE(3, 4);
void reply_refusal(struct rpc_call *call, const struct refusal *r);
/* Resolves with the one value in b and empties b; a builder that failed is a RuntimeError, by the
 * limit of who pays for the call. */
void reply_buf(struct rpc_call *call, struct buf *b);
/* The account that would keep the record of a workspace is full. */
void reply_no_room(struct rpc_call *call, struct slice workspace,
                   const struct account_refusal *why);
/* Why a record did not become longer. Counted. */
/* by --max-workspace-record; of who has made the workspace */
enum record_outcome { RECORD_OK, RECORD_TOO_LONG, RECORD_NO_ROOM };
bool refuse_record(struct refusal *r, struct hub *h, const struct workspace *w,
                   enum record_outcome outcome);
void reply_nil(struct rpc_call *call);
void reply_text(struct rpc_call *call, struct slice text);
void reply_bool(struct rpc_call *call, bool value);

/* Arguments by index; an absent one gives the empty slice, or the default. */
struct slice call_text(const struct rpc_call *call, unsigned i);
bool call_bool(const struct rpc_call *call, unsigned i, bool otherwise);
bool call_has(const struct rpc_call *call, unsigned i);
