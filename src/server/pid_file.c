#include "server/pid_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "server/holder.h"

enum { TRIES = 16 };

static bool pid_file_fail(const char *path, const char *reason)
{
    LOG(LOG_ERROR, "server", "pid file not written", log_text("path", path),
        log_text("reason", reason));
    return false;
}

/* Empty, or a number on a line: what such a file has. A file of another kind was named by mistake
 * and is left alone. */
static bool is_pid_file(int fd)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof(text), 0);

    for (ssize_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)text[i]) && text[i] != '\n')
            return false;
    }
    return n >= 0 && n < (ssize_t)sizeof(text);
}

/* The descriptor of the locked file, or -errno. A server that ends removes its file, so the one
 * that is locked here may have lost its name meanwhile. */
static int open_locked(const char *path)
{
    for (int i = 0; i < TRIES; i++) {
        struct stat opened, named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            int error = errno;
            close(fd);
            return -error;
        }
        if (fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
            opened.st_dev == named.st_dev)
            return fd;
        close(fd);
    }
    return -EAGAIN;
}

bool pid_file_open(const char *path, struct pid_file *ret)
{
    char reason[HOLDER_TEXT_MAX + 16], by[HOLDER_TEXT_MAX];
    struct holder holder;

    *ret = (struct pid_file){path, -1};
    if (!path)
        return true;
    int fd = open_locked(path);
    if (fd == -EWOULDBLOCK) {
        bool is_known = holder_of_lock(path, &holder);
        (void)snprintf(reason, sizeof(reason), "in use%s", holder_text(is_known, &holder, by));
        return pid_file_fail(path, reason);
    }
    if (fd < 0)
        return pid_file_fail(path, strerror(-fd));
    if (!is_pid_file(fd)) {
        close(fd);
        return pid_file_fail(path, "it is a file of another kind");
    }
    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", getpid()) < 0) {
        int error = errno;
        close(fd);
        return pid_file_fail(path, strerror(error));
    }
    ret->fd = fd;
    return true;
}

void pid_file_close(struct pid_file *p)
{
    if (p->fd < 0)
        return;
    /* while it is locked: afterwards it may be that of the next server */
    (void)unlink(p->path);
    close(p->fd);
    p->fd = -1;
}
