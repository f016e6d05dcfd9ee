/* listener: the accept thread's sockets. Accepts, asks the limit before any memory is spent, and mails each descriptor to the
 * loop that holds the fewest connections; from then on the connection belongs to that loop until it dies. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "loop/loop.h"

struct listener;

struct listener_options {
    struct loop_set *loops;
    size_t max_connections;
    struct metrics *metrics;        /* the accept thread's own block */
    int backlog;
    /* Runs on the chosen loop; takes over the descriptor. */
    void (*on_socket)(struct loop *loop, int fd, void *arg);
    void *arg;
};

enum { LISTENER_OK, LISTENER_BAD_ADDRESS, LISTENER_BUSY };      /* BUSY: address in use or not permitted */

/* Binds and listens; accepts nothing yet. The accept thread calls everything here. ret_port: the real one for port 0. */
MUST_CHECK int listener_open(const struct listener_options *options, const char *host, uint16_t port, struct listener **ret,
                             uint16_t *ret_port, int *ret_errno);
int listener_fd(const struct listener *l);          /* to wait for in poll(2) */
void listener_accept(struct listener *l);           /* takes what waits; call when the descriptor is readable */
struct listener *listener_close(struct listener *l);    /* takes NULL; returns NULL */
