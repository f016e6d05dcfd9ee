/* data_dir: the lock is on the folder itself, so an unused folder stays empty, and it dies with the
 * process that holds it. Texts appear whole or not at all: written beside, synced, renamed, and the
 * folder synced after. */
#include "store/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/slice.h"

enum { TEXT_MAX = 4096 };

static int data_dir_fail(const char *path, const char *what, int error,
                         char ret_error[DATA_DIR_ERROR_MAX])
{
    (void)snprintf(ret_error, DATA_DIR_ERROR_MAX, "%.300s: %s%s%s", path, what, error ? ": " : "",
                   error ? strerror(error) : "");
    return DATA_DIR_FAILED;
}

/* Creates the folder and those above it; existing ones are left as they are. */
static int make_folders(char *path)
{
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        int r = mkdir(path, 0700);
        *at = '/';
        if (r && errno != EEXIST)
            return -errno;
    }
    return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static char *make_temporary(void)
{
    const char *base = getenv("TMPDIR");
    char path[4096];

    if (!base || !*base)
        base = "/tmp";
    if (snprintf(path, sizeof(path), "%s/hyphad-XXXXXX", base) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return mkdtemp(path) ? mem_copy(path, strlen(path)) : NULL;
}

static int data_dir_lock(struct data_dir *d, char ret_error[DATA_DIR_ERROR_MAX])
{
    d->lock_fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->lock_fd < 0)
        return data_dir_fail(d->path, "cannot be opened", errno, ret_error);
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return access(d->path, W_OK | X_OK) == 0
                   ? DATA_DIR_OK
                   : data_dir_fail(d->path, "cannot be written", errno, ret_error);
    if (errno != EWOULDBLOCK)
        return data_dir_fail(d->path, "cannot be locked", errno, ret_error);
    (void)data_dir_fail(d->path, "is in use", 0, ret_error);
    return DATA_DIR_LOCKED;
}

int data_dir_open(const char *path, struct data_dir *ret, char ret_error[DATA_DIR_ERROR_MAX])
{
    int r = DATA_DIR_OK, error = 0;

    *ret = (struct data_dir){.lock_fd = -1};
    if (!path || strcmp(path, ":memory:") == 0) {
        ret->is_temporary = true;
        ret->path = make_temporary();
        if (!ret->path)
            return data_dir_fail("temporary folder", "cannot be created", errno, ret_error);
    } else {
        ret->path = mem_copy(path, strlen(path));
        error = *path ? make_folders(ret->path) : -ENOENT;
    }
    if (error)
        r = data_dir_fail(ret->path, "cannot be created", -error, ret_error);
    if (!r)
        r = data_dir_lock(ret, ret_error);
    if (r)
        data_dir_close(ret);
    return r;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    (void)remove(path); /* what cannot be removed stays: it is a temporary folder */
    return 0;
}

void data_dir_close(struct data_dir *d)
{
    if (d->path && d->is_temporary)
        (void)nftw(d->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (d->path && d->lock_fd >= 0)
        (void)close(d->lock_fd); /* gives up the lock; nothing was written through it */
    mem_free(d->path);
    *d = (struct data_dir){.lock_fd = -1};
}

static char *path_of(const char *folder, const char *name)
{
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = mem_new(room);

    (void)snprintf(path, room, "%s/%s", folder, name);
    return path;
}

char *data_dir_file(const struct data_dir *d, const char *name)
{
    return path_of(d->path, name);
}

/* ---- texts ---- */

static bool read_whole(int fd, char *out, size_t room, size_t *ret_len)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, out + len, room - len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || len + (size_t)n == room)
            return false;
        len += (size_t)n;
    }
    *ret_len = len;
    return true;
}

static char *data_dir_read_text(int fd, const char *path, char ret_error[DATA_DIR_ERROR_MAX])
{
    char bytes[TEXT_MAX];
    size_t len;
    struct slice text;

    if (!read_whole(fd, bytes, sizeof(bytes), &len)) {
        (void)data_dir_fail(path, "cannot be read", errno, ret_error);
        return NULL;
    }
    text = slice_trim(slice_make(bytes, len));
    if (text.len == 0 || slice_has_byte(text, '\0')) {
        (void)data_dir_fail(path, "is empty or no text", 0, ret_error);
        return NULL;
    }
    return mem_copy(text.ptr, text.len);
}

static bool write_whole(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok;

    if (fd < 0)
        return false;
    ok = write_whole(fd, text, strlen(text)) && write_whole(fd, "\n", 1) && fsync(fd) == 0;
    return close(fd) == 0 && ok;
}

static char *make_text(struct data_dir *d, const char *path, void (*make)(char *out, size_t room),
                       char ret_error[DATA_DIR_ERROR_MAX])
{
    char text[TEXT_MAX] = "", beside[4200];

    make(text, sizeof(text));
    ASSERT(text[0] != '\0');
    if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside)) {
        (void)data_dir_fail(path, "cannot be written", ENAMETOOLONG, ret_error);
        return NULL;
    }
    if (!write_file(beside, text) || rename(beside, path) || fsync(d->lock_fd)) {
        (void)data_dir_fail(path, "cannot be written", errno, ret_error);
        (void)unlink(beside);
        return NULL;
    }
    return mem_copy(text, strlen(text));
}

char *data_dir_text(struct data_dir *d, const char *name, void (*make)(char *out, size_t room),
                    char ret_error[DATA_DIR_ERROR_MAX])
{
    char *path = data_dir_file(d, name), *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        text = data_dir_read_text(fd, path, ret_error);
        (void)close(fd); /* read only */
    } else if (errno == ENOENT) {
        text = make_text(d, path, make, ret_error);
    } else {
        (void)data_dir_fail(path, "cannot be opened", errno, ret_error);
    }
    mem_free(path);
    return text;
}

char *data_dir_peek(const char *folder, const char *name, char ret_error[DATA_DIR_ERROR_MAX])
{
    char *file = path_of(folder, name), *text = NULL;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        text = data_dir_read_text(fd, file, ret_error);
        (void)close(fd); /* read only */
    } else {
        (void)data_dir_fail(file, "cannot be opened", errno, ret_error);
    }
    mem_free(file);
    return text;
}
