/* listener: one of the accept thread's sockets. Accepts, asks for a seat (net/shares.h) before any
 * other memory is spent, and mails each descriptor to the loop that holds the fewest connections;
 * from then on the connection belongs to that loop until it dies. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "loop/loop.h"

struct in6_addr;
struct listener;
struct seat;
struct shares;

struct listener_options {
    struct loop_set *loops;
    struct shares *shares;   /* borrowed */
    struct metrics *metrics; /* the accept thread's own block */
    int backlog;
    /* Runs on the chosen loop; takes over the descriptor and the seat. */
    void (*on_socket)(struct loop *loop, int fd, struct seat *seat, void *arg);
    /* Whether that address may speak for others. Accept thread. May be NULL: none may. */
    bool (*is_proxy)(const struct in6_addr *address, void *arg);
    void *arg;
};

/* BUSY: address in use or not permitted */
enum { LISTENER_OK, LISTENER_BAD_ADDRESS, LISTENER_BUSY };

/* Binds and listens; accepts nothing yet. The accept thread calls everything here. ret_port: the
 * real one for port 0. */
MUST_CHECK int listener_open(const struct listener_options *options, const char *host,
                             uint16_t port, struct listener **ret, uint16_t *ret_port,
                             int *ret_errno);
/* To wait for in poll(2), which passes over -1: nothing is accepted for a moment, for want of
 * descriptors or because the loops are behind. */
int listener_fd(struct listener *l);
/* until that moment is over; -1 when there is none */
int listener_wait_ms(const struct listener *l);
/* Takes what waits, or a good part of it; call when the descriptor is readable. */
void listener_accept(struct listener *l);
struct listener *listener_close(struct listener *l); /* takes NULL; returns NULL */
