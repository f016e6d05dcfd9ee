/* accounts: people with a password, kept in the store: one record an account under its e-mail,
 * lower-cased, so that one write makes it and one look-up finds it. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/slice.h"

struct store;

enum { EMAIL_MAX = 254, PERSON_NAME_MAX = 64 };

struct person {         /* texts are owned */
    char *id;           /* word-word-digits; the personal workspace is ws-user-<id> */
    char *name, *email; /* the e-mail as email_read() writes it */
    char *hash;         /* of password.h */
    int64_t created_at; /* Unix seconds */
};

/* A fresh id; the rest is copied. */
struct person *person_new(const char *email, const char *name, const char *hash);
struct person *person_free(struct person *p); /* takes NULL; wipes the hash; returns NULL */
void person_set(char **field, struct slice text);
void person_add_mp(struct buf *b, const struct person *p);
/* NULL when the bytes are no such record. */
struct person *person_read(struct slice record);

/* The one spelling an address is known by: trimmed, lower-cased. False for what cannot stand as
 * it is in the header of a mail: blanks, control characters, quotes, brackets, lists. */
bool email_read(struct slice text, char out[EMAIL_MAX + 1]);

struct accounts {
    struct store *store;
    size_t n_accounts;
    size_t max_accounts; /* the owner's to set; 0 at first */
    struct map changing; /* e-mail -> struct change: one change of an account at a time */
};

enum {
    ACCOUNT_FOUND,
    ACCOUNT_ABSENT,
    ACCOUNT_TAKEN, /* put as a fresh one */
    ACCOUNT_NO_ROOM,
    ACCOUNT_BUSY,   /* being changed by somebody else at the moment */
    ACCOUNT_BROKEN, /* the store failed; the log has the reason */
};

typedef void accounts_done(int outcome, void *arg);
/* person: the callback's to free; NULL unless ACCOUNT_FOUND. */
typedef void accounts_got(int outcome, struct person *person, void *arg);

void accounts_init(struct accounts *a, struct store *store);
/* No change may be held. */
void accounts_deinit(struct accounts *a);
/* Counts what is there: ACCOUNT_FOUND, or ACCOUNT_BROKEN. */
void accounts_load(struct accounts *a, accounts_done *done, void *arg);

/* email: of email_read(). */
void accounts_get(struct accounts *a, const char *email, accounts_got *got, void *arg);
/* ACCOUNT_FOUND: it will survive a crash. Copied. A fresh one is counted. The change of its
 * e-mail is the caller's. */
void accounts_put(struct accounts *a, const struct person *p, bool is_fresh, accounts_done *done,
                  void *arg);

/* Reading, thinking and writing take several turns; whoever holds the change of an e-mail is the
 * only one between. False: another one holds it. */
struct change {
    char email[EMAIL_MAX + 1];
    bool is_held;
};
MUST_CHECK bool accounts_begin_change(struct accounts *a, struct change *c, const char *email);
void accounts_end_change(struct accounts *a, struct change *c); /* harmless when not held */
