/* mail_verification: the e-mail codes that are waiting for an answer: one table, keyed by address.
 * It counts guesses and mails, forgets, and says no; it sends nothing. Pure but for the random
 * source; time is handed in (monotonic milliseconds). Owner's thread only. (S-49, D-24)
 *
 *   code_issue ------> waiting -- right code --> forgotten (code_settle)
 *   (again: a new        |    \-- 5 wrong ones, or 15 over all codes --> spent
 *    code, guesses       |                                                 |
 *    so far kept)        +------------- its time is over -----------> forgotten
 *
 * A spent address stays in the table until its hour is over, so that asking again does not buy
 * further guesses or mails. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"

enum {
    CODE_DIGITS_MAX = 8,
    CODE_TOTAL_ATTEMPTS = 15,
    CODE_MAILS = 10,
    CODE_MEMORY_MS = 3600 * 1000
};

struct code_rules {    /* the owner's to set before the first code, and to change */
    unsigned n_digits; /* at most CODE_DIGITS_MAX */
    uint64_t ttl_ms, throttle_ms;
    unsigned max_attempts;
    size_t max_pending;
};

struct code {
    struct list by_age; /* oldest first */
    char *email;        /* owned; key of the table */
    char digits[CODE_DIGITS_MAX + 1];
    char *name, *hash;   /* owned: what becomes of a right code; may be NULL */
    unsigned generation; /* grows with every code of this address */
    uint64_t first_ms;   /* of the first mail this address was sent */
    uint64_t sent_ms, due_ms;
    unsigned n_wrong; /* of this code */
    unsigned n_total; /* of all codes of this address */
    unsigned n_mails;
    bool is_waiting; /* false: spent, or its time is over */
};

struct codes {
    struct code_rules rules;
    struct map by_email;
    struct list by_age;
    size_t n_evicted; /* for want of room */
};

void codes_init(struct codes *c);
void codes_deinit(struct codes *c);
/* What is over is forgotten. Walks from the oldest; at most so many in one go. */
void codes_sweep(struct codes *c, uint64_t now_ms);

enum { CODE_OK, CODE_ABSENT, CODE_WRONG, CODE_SPENT, CODE_WAIT };

/* A code that is not forgotten, waiting or not; NULL when there is none. */
struct code *code_find(struct codes *c, struct slice email, uint64_t now_ms);
/* CODE_OK: a fresh code is waiting, and any older one of the address is void; the oldest address
 * whose code is of no use any longer is forgotten when the table is full, else the oldest.
 * CODE_WAIT: this address has had its mails; *ret_wait_s says for how long. */
int code_issue(struct codes *c, struct slice email, uint64_t now_ms, struct code **ret,
               unsigned *ret_wait_s);
/* Another mail for a waiting code: CODE_OK, CODE_ABSENT, CODE_WAIT (throttle). Guesses of the
 * address so far stay counted. */
int code_reissue(struct codes *c, struct slice email, uint64_t now_ms, struct code **ret,
                 unsigned *ret_wait_s);
/* Replaces what a right code leads to; copied. */
void code_set_fields(struct code *code, const char *name, const char *hash);
/* CODE_OK: it was right: *ret waits until code_settle() or a further guess. CODE_WRONG: *ret_left
 * guesses remain. CODE_SPENT: that was the last one. CODE_ABSENT: nothing waits. */
int code_guess(struct codes *c, struct slice email, struct slice digits, uint64_t now_ms,
               struct code **ret, unsigned *ret_left);
/* Forgets the address. */
void code_settle(struct codes *c, struct code *code);
/* The mail did not leave: as if code_issue() had not been called, but for an older code. */
void code_withdraw(struct codes *c, struct slice email, unsigned generation);
