/* session: the logins under way: a key that one program holds, and what a person will have
 * reported for it. The table remembers, waits and forgets; whose token may be reported is decided
 * elsewhere. Hub loop.
 *
 *   session_start -> PENDING -- session_report --> REPORTED -- session_end (read) --> gone
 *                        \------ its time is over ------------/
 *
 * Who waits for a key is told exactly once: reported, timed out or expired; or leaves. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "base/slice.h"
#include "loop/loop.h"

/* What a page tells about who has logged in, beside the token. Absent texts have ptr NULL. */
struct login_profile {
    struct slice workspace, email, name, nickname, user_id, picture;
    bool has_email_verified, email_verified;
    int64_t expires_in; /* seconds; 0 = not told */
};

enum { SESSION_WAITERS_MAX = 16 };

struct session {
    char key[RANDOM_ID_LEN + 1]; /* key of the table */
    bool is_reported;
    char *token;                  /* owned; NULL until reported; wiped before it is freed */
    struct login_profile profile; /* its texts are owned */
    struct timer expiry;
    struct list waiters; /* struct session_waiter */
    unsigned n_waiters;
    struct list idle; /* in the table's, while nobody waits and nothing is reported */
    struct sessions *table;
    size_t n_kept; /* by the server: as many as --max-login-sessions, of a bounded size */
};

struct sessions {
    struct loop *loop;
    struct map by_key; /* struct session, owned */
    struct list idle;  /* struct session.idle: of no use to anybody yet; the oldest first */
};

enum session_news { SESSION_REPORTED, SESSION_TIMED_OUT, SESSION_EXPIRED };

/* Embed it; on_news comes once, never before session_wait() returns, with the waiter unlinked; it
 * may free the waiter. On SESSION_REPORTED it may end the session: the waiters left hear
 * SESSION_EXPIRED. */
struct session_waiter {
    struct list link;
    struct timer timer;
    struct session *session;
    void (*on_news)(struct session_waiter *w, struct session *s, enum session_news news);
};

void sessions_init(struct sessions *t, struct loop *loop);
void sessions_clear(struct sessions *t);  /* ends all: waiters are told SESSION_EXPIRED */
void sessions_deinit(struct sessions *t); /* the same, for good */

/* A fresh key that lives for life_ms. When max_sessions are under way already, the oldest goes for
 * which nobody waits and nothing is reported: who logs in waits. NULL: there is none. */
struct session *session_start(struct sessions *t, uint64_t life_ms, uint64_t max_sessions);
/* NULL: none, or over */
struct session *session_find(const struct sessions *t, struct slice key);
/* Keeps copies and tells who waits; life begins anew with life_ms. The session may be gone
 * afterwards. A later report replaces an earlier one. */
void session_report(struct session *s, struct slice token, const struct login_profile *profile,
                    uint64_t life_ms);
/* Lets it live for at most so long from here: never lengthens. */
void session_shorten(struct session *s, uint64_t life_ms);
void session_end(struct session *s);

/* False: too many wait for this key. */
MUST_CHECK bool session_wait(struct session *s, struct session_waiter *w, uint64_t timeout_ms);
void session_leave(struct session_waiter *w); /* harmless when not waiting */
