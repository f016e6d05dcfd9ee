/* config_file: configuration, env files and secrets are small; each is read in one go under a cap,
 * before any thread starts. */
#include "config/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

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

bool file_is_readable(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, R_OK) == 0;
}

bool file_is_folder_creatable(const char *path)
{
    char *at = mem_copy(path, strlen(path)), *slash;
    struct stat st;
    bool is_good;

    while (stat(at, &st) < 0 && (slash = strrchr(at, '/')) && slash != at)
        *slash = 0;
    if (stat(at, &st) < 0) /* only a name below the root is left */
        strcpy(at, "/");
    is_good = stat(at, &st) == 0 && S_ISDIR(st.st_mode) && access(at, W_OK | X_OK) == 0;
    mem_free(at);
    return is_good;
}
