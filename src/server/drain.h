/* drain: leaving so that few notice. Readiness first, then new logins are refused, then connections
 * are closed a few at a time; what is left at the deadline is cut. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct server;

struct drain {
    bool is_active;
    unsigned n_requests; /* SIGTERM and SIGINT so far */
    uint64_t begin_ms;   /* when closing begins (after --drain-delay) */
    uint64_t end_ms;     /* when the last should be closed */
    uint64_t deadline_ms;
    int64_t n_at_begin;
    bool has_begun;
};

/* A stop signal came; is_lame_duck: SIGUSR2. The second one shortens everything, the third ends the
 * process. */
void drain_request(struct drain *d, struct server *s, int signal_number);
/* Does what is due. True when nobody is left or the deadline has passed. */
bool drain_step(struct drain *d, struct server *s);
int drain_wait_ms(const struct drain *d); /* how long the accept thread may sleep */
/* Ends every connection and waits until the loops hold none. */
void drain_cut(struct server *s);
