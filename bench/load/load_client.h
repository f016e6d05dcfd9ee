/* load_client: a connection that logs in as the published clients do (first text frame, then
 * connection_info), and crowds of them. Used on the program's loop only. */
#pragma once

#include "load/pack.h"
#include "load/run.h"

enum {
    CLIENT_MAX_ID = 64,
    CLIENT_MAX_WORKSPACE = 128,
    CLIENT_MAX_ADDRESS = CLIENT_MAX_ID + CLIENT_MAX_WORKSPACE
};

enum client_state { CLIENT_NEW, CLIENT_LOGGING_IN, CLIENT_READY, CLIENT_GONE };

struct client {
    struct conn conn;
    struct run *run;
    struct crowd *crowd;
    enum client_state state;
    uint64_t started_ns;
    char id[CLIENT_MAX_ID];
    char workspace[CLIENT_MAX_WORKSPACE];
    char manager[CLIENT_MAX_ID]; /* client id part of the manager's address */
    char *reconnection_token;    /* kept when the crowd asks for it */
    bool is_leaving;             /* its end is no error */
    void *owner;                 /* the scenario's */
    void (*on_message)(struct client *c, const uint8_t *data, size_t n);
    void (*on_pong)(struct client *c); /* the answer to a JSON ping */
};

/* Many clients brought in with a bounded number of logins under way. */
struct crowd {
    struct run *run;
    struct client *clients;
    unsigned n;
    unsigned n_started;
    unsigned n_ready;
    unsigned n_pending;
    unsigned n_lost; /* refused, or gone after they were ready */
    unsigned n_gone; /* closed, ready before or not */
    bool keep_tokens;
    bool with_service;  /* ready means: its built-in service is registered */
    bool is_plain;      /* no login: open is ready. Paths come from path_of */
    bool is_settled;    /* every client was admitted or refused */
    bool is_empty;      /* every started client is gone */
    struct buf *tokens; /* one per workspace; NULL: anonymous */
    void (*path_of)(unsigned i, char *out, size_t n_out);
};

void crowd_init(struct crowd *cr, struct run *r, unsigned n);
/* Takes the tokens the crowd logs in with: minted with the secret, or asked of the server by
 * `helper`, which then stays connected to keep its workspace alive. */
int crowd_authorize(struct crowd *cr, struct client *helper);
/* Brings everyone in. 0, or -ETIMEDOUT / -ECONNREFUSED after run_error when not all came. */
int crowd_open(struct crowd *cr, double limit_s);
void crowd_start_all(struct crowd *cr); /* only begins; crowd.is_settled tells the end */
void crowd_close(struct crowd *cr);     /* resets all and waits until they are gone */
void crowd_reset(struct crowd *cr);     /* after crowd_close: may be opened again, same ids */
void crowd_deinit(struct crowd *cr);

/* Begins segment 1 of a message: a map of n_pairs, of which type, from, to and method are
 * written. */
void client_pack_head(struct buf *b, unsigned n_pairs, const char *from, const char *to,
                      const char *method);
void client_address(const struct client *c, char out[CLIENT_MAX_ADDRESS]);
/* Ends segment 2 of a call: the promise and its interval, two pairs. */
void client_pack_promise(struct buf *b);
/* Appends a call to the hub's manager to c's output: method services.default.<fn>; args is a
 * packed array, or NULL. */
void client_call_manager(struct client *c, const char *fn, const char *session,
                         const struct buf *args);
