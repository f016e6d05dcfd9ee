/* mail: a code on its way to somebody: by SMTP, by the service Resend, or, when neither is
 * configured, into the log, which is for developing only. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct buf;
struct config;
struct fetcher;
struct loop;
struct mailer;

enum mail_kind { MAIL_SIGNUP, MAIL_RESET };

struct code_mail {
    enum mail_kind kind;
    const char *to;     /* of email_read() */
    const char *digits; /* the code */
    const char *link;   /* the page that takes it, http(s) */
    unsigned minutes;   /* how long it is good for */
};

enum { MAIL_SENT, MAIL_FAILED /* the log has the reason */ };

typedef void mail_done(int outcome, void *arg);

/* Borrows both for its life, and the configuration the loop has at the moment. Says in the log
 * when there is no way to send. */
struct mailer *mailer_new(struct loop *loop, struct fetcher *fetcher);
/* After the fetcher was closed, which tells MAIL_FAILED to whoever waits. Takes NULL. */
void mailer_free(struct mailer *m);
/* Whether the options name a way to send mail. Any thread. */
bool mail_is_configured(const struct config *config);
/* Codes are logged, and may be told to whoever asks for one. */
bool mailer_is_dev(const struct mailer *m);
/* done comes exactly once, in a later turn or in this one. */
void mail_code(struct mailer *m, const struct code_mail *mail, mail_done *done, void *arg);

/* The message of RFC 5322, lines ended by CRLF; wall time in milliseconds. Pure. */
void mail_write(struct buf *b, const struct code_mail *mail, const char *from, int64_t wall_ms,
                const char *message_id);
/* The body of a request to Resend. Pure. */
void mail_write_json(struct buf *b, const struct code_mail *mail, const char *from);
/* The bare address of "Name <name@host>". */
struct slice mail_address(const char *from);
