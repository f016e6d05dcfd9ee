/* writable: one-shot, so that a socket nobody has more for costs nothing. What is not told of in
 * one turn stays so until the next. */
#include "loop/writable.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/loop.h"

enum { TOLD_MOST = 256 }; /* in one turn */

static void on_some(uv_poll_t *poll, int status, int events)
{
    struct loop *l = poll->data;
    struct epoll_event found[TOLD_MOST];
    int n = epoll_wait(l->writable_fd, found, TOLD_MOST, 0);

    (void)status;
    (void)events;
    for (int i = 0; i < n; i++) {
        struct writable *w = found[i].data.ptr;
        w->run(w);
    }
}

int loop_await_writable(struct loop *l, int fd, struct writable *w)
{
    LOOP_ASSERT(l);
    struct epoll_event wish = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = w};

    if (epoll_ctl(l->writable_fd, EPOLL_CTL_MOD, fd, &wish) == 0)
        return 0;
    if (errno != ENOENT || epoll_ctl(l->writable_fd, EPOLL_CTL_ADD, fd, &wish) != 0)
        return -errno;
    return 0;
}

void loop_forget_writable(struct loop *l, int fd)
{
    LOOP_ASSERT(l);
    (void)epoll_ctl(l->writable_fd, EPOLL_CTL_DEL, fd, NULL);
}

int writable_init(struct loop *l)
{
    l->writable_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->writable_fd < 0)
        return -errno;
    l->writable.data = l;
    int r = uv_poll_init(&l->uv, &l->writable, l->writable_fd);
    return r ? r : uv_poll_start(&l->writable, UV_READABLE, on_some);
}

void writable_stop(struct loop *l)
{
    uv_close((uv_handle_t *)&l->writable, NULL);
}

void writable_deinit(struct loop *l)
{
    close(l->writable_fd);
}
