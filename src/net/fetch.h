/* fetch: requests the server itself makes to others: HTTP(S), and mail by SMTP. The only user of libcurl, driven by the loop it
 * belongs to: nothing blocks, name lookup neither. Certificates are always verified, for TLS 1.2 and up; a proxy of the
 * environment is used only when asked for. Loop-owned.
 *
 * Every request ends in exactly one call of `done`, which comes after the call that began it has returned: at the latest when
 * its deadline has passed, or the fetcher is closed. fetch_cancel() ends it without.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct fetch;
struct fetcher;
struct loop;

enum fetch_outcome {
    FETCH_OK,               /* an answer came, of whatever status */
    FETCH_BAD_REQUEST,      /* not a URL of a scheme we speak, or a header, address or text that cannot be sent */
    FETCH_TIMEOUT,
    FETCH_TOO_LARGE,        /* the answer's body is above the cap */
    FETCH_FAILED,           /* no such name, no connection, no trust, a broken answer: see the text */
    FETCH_BUSY,             /* FETCHES_MAX requests are under way */
    FETCH_CLOSED,           /* the fetcher was closed first */
};

enum { FETCHES_MAX = 1000, FETCH_CONNECTIONS_MAX = 32, FETCH_CONNECTIONS_PER_HOST = 8 };

/* What a caller fills in is copied before the call returns. Zero is a good start. */
struct fetch_request {
    const char *method;             /* NULL = GET, or POST with a body */
    const char *url;                /* http:// or https:// */
    const char *const *headers;     /* "Name: value" */
    size_t n_headers;
    struct slice body;              /* ptr NULL = none */
    uint32_t deadline_ms;           /* for all of it, redirects too; 0 = 10 s */
    size_t max_bytes;               /* of the answer's body; 0 = 1 MiB */
    unsigned max_redirects;         /* 0 = a redirect is an answer. https never leads to http */
    const char *ca_file;            /* PEM of further authorities to trust, or NULL */
    bool use_proxy;                 /* http_proxy, https_proxy, no_proxy of the environment */
};

struct fetch_mail {
    const char *url;                /* smtp://host[:port] or smtps://host[:port] */
    const char *from, *to;          /* bare addresses */
    const char *user, *password;    /* NULL = no login */
    struct slice text;              /* RFC 5322, lines end in CRLF */
    uint32_t deadline_ms;           /* 0 = 30 s */
    const char *ca_file;
    bool allow_plain;               /* smtp:// goes on without TLS when the server offers none; never with a password */
};

struct fetch_reply {                /* borrowed for the call */
    enum fetch_outcome outcome;
    unsigned status;                /* HTTP status, or last SMTP code; 0 = none came */
    struct slice body;
    const char *content_type;       /* "" when unknown */
    const char *text;               /* what went wrong, in English; "" when nothing did. Names hosts, never secrets */
};

typedef void fetch_done(const struct fetch_reply *reply, void *arg);

struct fetcher *fetcher_new(struct loop *loop);     /* never NULL; aborts when memory is exhausted */
/* Ends what is under way with FETCH_CLOSED; those `done` must start nothing. The memory goes in a later turn of the loop. Takes
 * NULL; returns NULL. Not from within a `done`. */
struct fetcher *fetcher_close(struct fetcher *f);
/* The handle is good for fetch_cancel until `done` is called. */
struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *request, fetch_done *done, void *arg);
struct fetch *fetch_send_mail(struct fetcher *f, const struct fetch_mail *mail, fetch_done *done, void *arg);
struct fetch *fetch_cancel(struct fetch *one);      /* `done` will not be called. Takes NULL; returns NULL */
