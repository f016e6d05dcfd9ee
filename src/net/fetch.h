/* fetch: requests the server itself makes to others: HTTP(S), and mail by SMTP. The only user of
 * libcurl, driven by the loop it belongs to: nothing blocks, name lookup neither. Certificates are
 * always verified, for TLS 1.2 and up; a proxy of the environment is used only when asked for.
 * Loop-owned.
 *
 * Every request ends in exactly one call of `done`, which comes after the call that began it has
 * returned: at the latest when its deadline has passed, or the fetcher is closed. fetch_cancel()
 * ends it without: whoever asks for somebody calls it when that one has gone.
 *
 * The body of an answer is collected for `done`, or pulled: whoever gives on_body peeks at what has
 * come and reads when it wants. What it leaves is held up to FETCH_WINDOW; then the socket is not
 * read, and it is not the other side that is slow. `done` comes when all has been read, or at once
 * when no more comes that could be trusted.
 *
 * Any loop may have a fetcher; they share nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/slice.h"

struct fetch;
struct fetcher;
struct loop;

enum fetch_outcome {
    FETCH_OK, /* an answer came, of whatever status */
    /* not a URL of a scheme we speak, or a header, address or text that cannot be sent */
    FETCH_BAD_REQUEST,
    FETCH_TIMEOUT,
    FETCH_TOO_LARGE, /* the answer's body is above the cap */
    /* no such name, no connection, no trust, a broken answer: see the text */
    FETCH_FAILED,
    FETCH_BUSY,   /* FETCHES_MAX requests are under way */
    FETCH_CLOSED, /* the fetcher was closed first */
};

enum { FETCH_WINDOW = 256 * 1024 };
enum { FETCHES_MAX = 1000, FETCH_CONNECTIONS_MAX = 32, FETCH_CONNECTIONS_PER_HOST = 8 };

/* What a caller fills in is copied before the call returns. Zero is a good start. */
struct fetch_request {
    const char *method;         /* NULL = GET, or POST with a body */
    const char *url;            /* http:// or https:// */
    const char *const *headers; /* "Name: value" */
    size_t n_headers;
    struct slice body; /* ptr NULL = none */
    /* for all of it, redirects too; 0 = 10 s, or none when the body is pulled */
    uint32_t deadline_ms;
    uint32_t connect_ms; /* of it until there is a connection; 0 = all of it */
    /* Fewer bytes a second than this over so many seconds, from its begin on: FETCH_TIMEOUT. 0 =
     * any, or one in 60 s when the body is pulled. */
    uint32_t min_rate, rate_window_s;
    /* of the answer's body; 0 = 1 MiB, or any when it is pulled */
    size_t max_bytes;
    /* The body is pulled: more has come. Not from within a call that was given the fetch. Gets the
     * arg of `done`. */
    void (*on_body)(struct fetch *one, void *arg);
    /* 0 = a redirect is an answer. https never leads to http */
    unsigned max_redirects;
    const char *ca_file; /* PEM of further authorities to trust, or NULL */
    bool use_proxy;      /* http_proxy, https_proxy, no_proxy of the environment */
};

struct fetch_reply { /* borrowed for the call */
    enum fetch_outcome outcome;
    unsigned status; /* HTTP status, or last SMTP code; 0 = none came */
    struct slice body;
    const char *content_type; /* "" when unknown */
    /* what went wrong, in English; "" when nothing did. Names hosts, never secrets */
    const char *text;
};

typedef void fetch_done(const struct fetch_reply *reply, void *arg);

/* never NULL; aborts when memory is exhausted */
struct fetcher *fetcher_new(struct loop *loop);
/* Ends what is under way with FETCH_CLOSED; those `done` must start nothing. The memory goes in a
 * later turn of the loop. Takes NULL; returns NULL. Not from within a `done`. */
struct fetcher *fetcher_close(struct fetcher *f);
/* The handle is good for fetch_cancel until `done` is called. */
struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *request, fetch_done *done,
                          void *arg);
/* Of one whose body is pulled: what has come and is not read, until the next call here or the loop
 * turns; and what of it is done with. */
struct slice fetch_peek(const struct fetch *one);
void fetch_read(struct fetch *one, size_t n_bytes);
unsigned fetch_status(const struct fetch *one); /* once its body has begun */
/* `done` will not be called. Takes NULL; returns NULL */
struct fetch *fetch_cancel(struct fetch *one);

/* The room's own. */
#define FETCH_NO_LIBRARY "libcurl.so.4 is not installed"
struct fetch *fetch_new(struct fetcher *f, size_t max_bytes, fetch_done *done, void *arg);
/* before a request. False: FETCH_NO_LIBRARY */
bool fetch_get_ready(struct fetcher *f);
/* of one of two schemes, and one line */
bool fetch_is_url_of(const char *url, const char *a, const char *b);
MUST_CHECK bool fetch_set_common(struct fetch *one, const char *url, uint32_t deadline_ms,
                                 const char *ca_file, bool use_proxy);
struct fetch *fetch_run(struct fetch *one);
/* instead */
struct fetch *fetch_fail_later(struct fetch *one, enum fetch_outcome outcome, const char *text);
