/* redis_link: commands to one Redis over one connection, in order, many under way at a time. The
 * only user of hiredis: its reader and its command formatter, over handles of the loop. Not a
 * net/stream: those are clients', counted and ended with them.
 *
 * A connection that breaks is made again, and what was not answered is sent again in the same
 * order, before anything new: so a command may run twice, and must be one that may. The connection
 * before is killed by its id first, or what it still holds could arrive after later commands. A
 * command that is not answered in time is given up (LOST): whether it ran is unknown. Loop-owned;
 * TLS is not spoken. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"
#include "wire/redis_uri.h"

struct loop;
struct redis_link;
struct redis_reply;

enum redis_kind { REDIS_NIL, REDIS_INT, REDIS_TEXT, REDIS_ARRAY, REDIS_ERROR };
enum redis_kind redis_reply_kind(const struct redis_reply *r);
int64_t redis_reply_int(const struct redis_reply *r);
/* of a text or an error; else empty */
struct slice redis_reply_text(const struct redis_reply *r);
/* items of an array, else 0 */
size_t redis_reply_count(const struct redis_reply *r);
const struct redis_reply *redis_reply_at(const struct redis_reply *r, size_t i);

enum { REDIS_LINK_ANSWERED, REDIS_LINK_LOST };
/* reply: borrowed for the call; NULL when LOST. An error of Redis is an answer. */
typedef void redis_done(int outcome, const struct redis_reply *reply, void *arg);

enum { REDIS_ARGS_MAX = 12, REDIS_ERROR_TEXT_MAX = 256 };
struct redis_command {
    struct slice args[REDIS_ARGS_MAX];
    size_t n_args;
};

struct redis_link_options {
    struct redis_uri uri; /* borrowed while the link lives */
    /* to connect, and for the answer to a command from when it was asked */
    uint32_t timeout_ms;
    /* Asked first on every connection. Its answer must please `is_welcome`, or the connection is
     * given up (with a line in the log) and made again: that keeps who has lost the right to write
     * from writing. */
    struct redis_command greeting; /* borrowed while the link lives */
    bool (*is_welcome)(const struct redis_reply *answer, void *arg,
                       char error[REDIS_ERROR_TEXT_MAX]);
    void *arg;
};

/* Blocks: connects, greets, asks one more command and hangs up. False: ret_error says why. done
 * runs before this returns. */
MUST_CHECK bool redis_link_try(const struct redis_link_options *options,
                               const struct redis_command *command, redis_done *done, void *arg,
                               char ret_error[REDIS_ERROR_TEXT_MAX]);

/* connects when first asked */
struct redis_link *redis_link_open(struct loop *loop, const struct redis_link_options *options);
/* The command is copied. done comes exactly once, never before this returns. */
void redis_link_ask(struct redis_link *l, const struct redis_command *command, redis_done *done,
                    void *arg);
/* what is under way is LOST at once; not from a callback of the link */
void redis_link_give_up(struct redis_link *l);
/* breaks the connection; the next one greets anew */
void redis_link_reset(struct redis_link *l);
/* Nothing may be under way. closed comes when the link is freed, maybe before this returns. */
void redis_link_close(struct redis_link *l, void (*closed)(void *arg), void *arg);
