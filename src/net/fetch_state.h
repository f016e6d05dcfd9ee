/* fetch_state: what fetch.c (transfers) and fetch_mail.c (what is a mail's own) share of a request;
 * nobody else includes it. Loop-owned. */
#pragma once
#include <uv.h>

#include "base/buf.h"
#include "loop/loop.h"
#include "net/fetch.h"
#include "net/libcurl.h"

enum { MAIL_SOCKETS = 4 }; /* of one mail: an attempt for each kind of address */

struct fetcher {
    struct loop *loop;
    CURLM *multi; /* NULL before the first request */
    uv_timer_t timer;
    struct list running; /* struct fetch */
    /* struct fetch: never started, to be told at the end of the turn */
    struct list failed;
    struct deferred tell;
    size_t n_running;
};

struct fetch {
    struct list link;
    struct fetcher *fetcher;
    CURL *easy;                 /* NULL: never started */
    struct curl_slist *headers; /* owned; of a mail: the recipient */
    struct held_buf body;
    size_t n_read; /* of the body; 0 when it is collected */
    /* of one that is pulled: so many have come of so many at most */
    uint64_t n_body, max_bytes;
    void (*on_body)(struct fetch *one, void *arg); /* NULL: it is collected */
    struct deferred tell; /* on_body, or the end of one whose rest has been read */
    bool is_running;      /* curl has it */
    /* curl waits for us; something has come since on_body was told */
    bool is_paused, has_more;
    char *mail; /* owned: what is being uploaded */
    size_t mail_len, mail_sent;
    curl_socket_t sockets[MAIL_SOCKETS]; /* of a mail: open ones */
    unsigned n_sockets;
    enum fetch_outcome outcome; /* OK until something else is known */
    fetch_done *done;
    void *arg;
    char text[CURL_ERROR_SIZE];
};

/* A failed curl_easy_setopt is out of memory, or an option this libcurl was built without: then the
 * request must not run, for the option may have been the one that protects it. */
#define SET(one, option, value) (libcurl()->easy_setopt((one)->easy, (option), (value)) == CURLE_OK)
