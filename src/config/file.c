/* file: configuration, env files and secrets are small; each is read in one go under a cap,
 * before any thread starts. */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t cap_bytes, struct buf *out)
{
    char chunk[4096];
    size_t n_bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = FILE_DONE;

    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            r = n < 0 ? -errno : r;
            break;
        }
        n_bytes += (size_t)n;
        if (n_bytes > cap_bytes)
            r = FILE_TOO_LARGE;
        else if (memchr(chunk, 0, (size_t)n))
            r = FILE_HAS_NUL;
        else
            buf_add(out, chunk, (size_t)n);
        if (r != FILE_DONE)
            break;
    }
    explicit_bzero(chunk, sizeof(chunk));
    close(fd);
    return r;
}

const char *file_complaint(int r)
{
    if (r == FILE_TOO_LARGE)
        return "too large";
    if (r == FILE_HAS_NUL)
        return "contains a zero byte";
    return strerror(-r);
}

bool file_is_public(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH);
}
