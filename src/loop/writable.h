/* writable: which sockets take more. libuv tells of a stream that it is writable only by writing to
 * it, and of all of a crowd in one go; so a loop has an epoll of its own for that, which libuv
 * polls like a socket. */
#pragma once
#include "base/assert.h"

struct loop;

struct writable {
    void (*run)(struct writable *w);
};

/* Calls w->run once when the socket takes more or has failed; it may defer work, and nothing else:
 * it stands among others whose sockets are still to be told of. w stays where it is until then, or
 * until loop_forget_writable(). 0, or a negative UV_E* when the kernel has no room for one more.
 * Loop thread. */
MUST_CHECK int loop_await_writable(struct loop *l, int fd, struct writable *w);
/* Before a socket that is waited for is closed: the kernel forgets it only when no process has it
 * any more, and a program that is being started has it for a moment. Loop thread. */
void loop_forget_writable(struct loop *l, int fd);

/* For loop.c. */
int writable_init(struct loop *l);  /* 0 or a negative UV_E* */
void writable_stop(struct loop *l); /* loop thread: no one is told any more */
void writable_deinit(struct loop *l);
