/* uploads: calls of a client's `message_cache`, by which others send it what is too large for one
 * frame. Its library joins the chunks and obeys what comes out as if the hub had vouched for it:
 * who calls, from where, with which rights. So the hub looks at the joined bytes as they pass
 * (wire/rpc_joined.h), and sees to it that what it has seen is what will be joined:
 *
 *   - a key belongs to the client that made it, from `create` until `process` or `remove`
 *   - `create` reaches the receiver with overwrite, so that nothing older lies under the key
 *   - chunks reach it in order and once each; those that come early wait (posts of an HTTP stream
 *     overtake each other)
 *   - all calls of a key agree on `heartbeat`, or the receiver would leave one out
 *   - `process` reaches it when a whole, allowed frame has passed
 *
 * Anything else is refused with the words the receiver would have used, or those for a frame that
 * comes whole. Calls that are encrypted end to end pass unseen: nobody but the receiver can read
 * them. Loop of the receiver. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

struct msg;
struct peer;

/* Whether a call of that method has to go through here. Any thread. */
bool upload_is_call(struct slice method);
/* One that has come for p. Takes over the reference; passes it on, keeps it for later, or refuses
 * it. */
void upload_take(struct peer *p, struct msg *m);
/* The receiver ends. What waited is bounced by nobody: its senders hear of the end. */
void uploads_forget(struct peer *p);
