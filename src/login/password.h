/* password: Argon2id hashes, made and checked on the worker pool, so many at once and so many in
 * line: one costs 19 MiB and tens of milliseconds, so strangers must not be able to ask for more
 * than this machine has. Hub loop. (D-24) */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

struct loop;
struct passwords;

/* HASH_MAX: an encoded hash with its NUL. A longer password than MAX_BYTES costs nobody anything:
 * it is refused before. */
enum { PASSWORD_MIN_BYTES = 8, PASSWORD_MAX_BYTES = 1024, PASSWORD_HASH_MAX = 128 };

enum {
    PASSWORD_OK,
    PASSWORD_WRONG,
    PASSWORD_BUSY,   /* the line is full */
    PASSWORD_FAILED, /* no memory for the hash, or the server is going down */
};

/* hash: the new one, borrowed for the call, after password_hash() that is PASSWORD_OK; else "". */
typedef void password_done(int outcome, const char *hash, void *arg);

/* max_running, max_waiting: at least 1. */
struct passwords *passwords_new(struct loop *loop, unsigned max_running, unsigned max_waiting);
/* Whoever still waits is told PASSWORD_FAILED before this returns. Takes NULL. */
void passwords_free(struct passwords *p);

/* Both: done comes exactly once; at once when the outcome is PASSWORD_BUSY. The password is
 * copied, and wiped after use. */
void password_hash(struct passwords *p, struct slice password, password_done *done, void *arg);
/* hash NULL: nobody's, which takes as long as somebody's and is PASSWORD_WRONG. A hash that does
 * not parse is PASSWORD_WRONG too. */
void password_check(struct passwords *p, struct slice password, const char *hash,
                    password_done *done, void *arg);
