/* reject: the frame that answers a call which nobody else will answer. */
#pragma once
#include <stdbool.h>

#include "base/assert.h"
#include "base/msg.h"
#include "base/slice.h"

struct account;

/* Whether a rejection of that session can be sent at all. Both texts are the asker's: a client that
 * decodes strictly chokes on what is not UTF-8, and drops the whole frame. */
bool router_can_reject(struct slice from, struct slice session);
/* The frame by which `from` rejects the session of `to`, sealed, where router_can_reject() says
 * yes; NULL when the account refuses or memory is exhausted. */
MUST_CHECK NONNULL(5) struct msg *router_reject_frame(struct slice from, struct slice to,
                                                      struct slice session, struct slice text,
                                                      struct account *account);
