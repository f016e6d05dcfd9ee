/* beneath: openat2 lets the kernel see to it, in the one call that opens the file, so a link that
 * changes meanwhile cannot lead it astray. Where it is missing, or forbidden by a container's
 * filter, the path is walked segment by segment without following any link. */
#include "http/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/slice.h"

#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif

/* A FIFO must not hold the thread until somebody writes. */
enum { FILE_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

static int open_at_once(int folder, const char *path)
{
#if defined(SYS_openat2) && defined(RESOLVE_BENEATH)
    struct open_how how = {.flags = FILE_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

    /* EAGAIN: something was renamed meanwhile */
    for (int tries = 0; tries < 8; tries++) {
        long fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            return fd >= 0 ? (int)fd : -errno;
    }
    return -ENOENT;
#else
    (void)folder;
    (void)path;
    return -ENOSYS;
#endif
}

static int open_step_by_step(int folder, const char *path)
{
    struct slice rest = slice_of(path), part;
    int at = dup(folder);
    char name[256];

    while (at >= 0 && rest.len) {
        bool is_last = !slice_cut(rest, '/', &part, &rest);
        if (is_last) {
            part = rest;
            rest.len = 0;
        }
        if (!part.len && !is_last)
            continue;
        if (!part.len || part.len >= sizeof(name) || slice_is(part, "..")) {
            close(at);
            return -ENOENT;
        }
        memcpy(name, part.ptr, part.len);
        name[part.len] = '\0';
        int next = openat(at, name,
                          O_NOFOLLOW | (is_last ? FILE_FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC));
        int error = errno;
        close(at);
        at = next;
        errno = error;
    }
    return at >= 0 ? at : -errno;
}

static int open_below(const char *folder, const char *path,
                      int (*open_file)(int folder, const char *path))
{
    int root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (root < 0)
        return -errno;
    int fd = open_file(root, path);
    close(root);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        return -ENOENT;
    }
    return fd == -EXDEV || fd == -ELOOP || fd == -ENOTDIR || fd == -ENAMETOOLONG || fd == -EISDIR
               ? -ENOENT
               : fd;
}

int beneath_open_walking(const char *folder, const char *path)
{
    return path[0] == '/' ? -ENOENT : open_below(folder, path, open_step_by_step);
}

int beneath_open(const char *folder, const char *path)
{
    int fd = open_below(folder, path, open_at_once);

    return fd == -ENOSYS || fd == -EPERM ? beneath_open_walking(folder, path) : fd;
}
