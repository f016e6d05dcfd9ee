/* fetch_mail: a mail by SMTP, sent by a fetcher (net/fetch.h). Loop-owned. */
#pragma once
#include "net/fetch.h"

struct fetch_mail {
    const char *url;             /* smtp://host[:port] or smtps://host[:port] */
    const char *from, *to;       /* bare addresses */
    const char *user, *password; /* NULL = no login */
    struct slice text;           /* RFC 5322, lines end in CRLF */
    uint32_t deadline_ms;        /* 0 = 30 s */
    const char *ca_file;
    /* smtp:// goes on without TLS when the server offers none; never with a password */
    bool allow_plain;
};

/* As fetch_start(). */
struct fetch *fetch_send_mail(struct fetcher *f, const struct fetch_mail *mail, fetch_done *done,
                              void *arg);
