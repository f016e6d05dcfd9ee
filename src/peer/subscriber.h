/* subscriber: one client id of one user, and the event types it hears; and the table of them. For
 * the files of subscriptions only. Hub loop. */
#pragma once
#include "auth/lineage.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "loop/timer.h"
#include "peer/subscriptions.h"
#include "registry/registry.h"

enum {
    SUBSCRIBERS_SHARE =
        /* one holder has at most a tenth of all that is kept, and so have the anonymous together */
    10,
    SUBSCRIBER_AROUND_BYTES = 256, /* what a set counts beside its names */
};

/* Who uses up a share: a user, children of its tokens included; of the anonymous, who are new with
 * every connection, their network. */
struct subscriber_holder {
    size_t n_subscribers, n_away, away_bytes, stored_bytes;
    struct list away; /* struct subscriber.of_holder, the first to leave first */
    size_t key_len;
    char key[];
};

struct subscriber {
    struct list of_all, of_holder; /* linked while it is away */
    struct list dirty;             /* linked: the store has not what is here */
    struct subscriber_holder *holder;
    struct account *account; /* holds a reference: of the user in the workspace */
    struct held_buf types;   /* encoded texts, n_types of them, one after the other */
    size_t n_types;
    struct lineage lineage; /* the tokens it came by */
    int64_t until;          /* Unix seconds: while it is away, when it is forgotten */
    int64_t stored_until;
    size_t n_stored;      /* bytes in the store; 0: none */
    size_t n_kept;        /* by the account, for this record */
    uint64_t incarnation; /* of the workspace */
    bool is_here, is_anonymous, is_stored_kind;
    size_t workspace_len, key_len;
    char key[]; /* "workspace/client user" */
};

struct subscriptions {
    struct hub *hub;
    struct map subscribers, holders; /* both owned */
    /* struct subscriber.of_all by is_anonymous, the first to leave first */
    struct list away[2];
    size_t n_away, n_anonymous_away, away_bytes, stored_bytes;
    struct list dirty;
    struct registry_watch watch;
    struct timer sweep; /* running while there are some */
    struct timer write; /* running while some are dirty */
    size_t cursor;      /* of the sweep over those that are here */
    bool is_closed;     /* nothing is written, and nothing waits, any more */
};

struct subscriber *subscriber_find(const struct subscriptions *s, struct slice key);
/* key: as above. holder: the key of struct subscriber_holder: "user:ID" or "ip:NETWORK". */
struct subscriber *subscriber_new(struct subscriptions *s, struct slice key, struct slice holder,
                                  struct account *account);
/* The encoded texts, copied. False: its account refuses; nothing has changed. */
MUST_CHECK bool subscriber_set(struct subscriber *r, struct slice types, size_t n_types);
/* What it counts, here and in the store. */
static inline size_t subscriber_bytes(const struct subscriber *r)
{
    return r->types.b.len + r->key_len + SUBSCRIBER_AROUND_BYTES;
}
void subscriber_wait(struct subscriptions *s,
                     struct subscriber *r); /* it is away now: the last to leave */
/* it waits no more: it is here, or goes */
void subscriber_return(struct subscriptions *s, struct subscriber *r);
/* here alone: the server ends */
void subscriber_free(struct subscriptions *s, struct subscriber *r);
/* here and in the store */
void subscriber_forget(struct subscriptions *s, struct subscriber *r);
/* What it held is kept for another account from here on. False: that refuses; nothing has
 * changed. */
MUST_CHECK bool subscriber_move(struct subscriber *r, struct account *account);
/* as forget; counted as lost */
void subscriber_drop(struct subscriptions *s, struct subscriber *r);
/* Those who left first make room: of the holder who has more than a share, then of all. */
void subscriptions_make_room(struct subscriptions *s, struct subscriber_holder *holder);
/* while some are away */
struct subscriber *subscriptions_first_to_leave(const struct subscriptions *s);
void subscriptions_start_sweep(struct subscriptions *s);
