/* holder: /proc/locks names the process of each lock, also those of other users, and files by
 * device and inode. Where a file system has a device of its own for each folder (btrfs), the inode
 * alone is compared, and then the descriptors of that process. Which process has a socket is only
 * told by its descriptors, which are visible to its user and to root. */
#include "server/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/assert.h"

enum { LISTENERS_MAX = 16, TCP_LISTEN = 0x0a, PROC_PATH_MAX = 320 };

static void holder_fill(pid_t pid, struct holder *ret)
{
    char path[PROC_PATH_MAX];
    FILE *f;

    *ret = (struct holder){.pid = pid};
    (void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    f = fopen(path, "re");
    if (!f)
        return;
    if (fgets(ret->program, sizeof(ret->program), f))
        ret->program[strcspn(ret->program, "\n")] = '\0';
    (void)fclose(f);
}

/* Whether a descriptor of the process is this file; its name is left in `ret_name` then. */
static bool process_has_file(pid_t pid, bool (*is_it)(const struct stat *st, const void *arg),
                             const void *arg, char ret_name[NAME_MAX + 1])
{
    char path[PROC_PATH_MAX];
    struct dirent *entry;
    struct stat st;
    bool is_found = false;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    while (dir && !is_found && (entry = readdir(dir))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, entry->d_name);
        is_found = stat(path, &st) == 0 && is_it(&st, arg);
        if (is_found)
            (void)snprintf(ret_name, NAME_MAX + 1, "%s", entry->d_name);
    }
    if (dir)
        (void)closedir(dir);
    return is_found;
}

static bool is_same_file(const struct stat *st, const void *arg)
{
    const struct stat *wanted = arg;

    return st->st_dev == wanted->st_dev && st->st_ino == wanted->st_ino;
}

/* The process of a line of /proc/locks that is about a lock of this file, or 0. */
static pid_t lock_line_pid(const char *line, const struct stat *file)
{
    char name[NAME_MAX + 1];
    unsigned major_no, minor_no;
    unsigned long long inode;
    int pid;

    if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &pid, &major_no, &minor_no, &inode) != 4 ||
        pid <= 0 || inode != file->st_ino)
        return 0;
    if (major_no == major(file->st_dev) && minor_no == minor(file->st_dev))
        return pid;
    return process_has_file(pid, is_same_file, file, name) ? pid : 0;
}

bool holder_of_lock(const char *path, struct holder *ret)
{
    char line[256];
    struct stat st;
    pid_t pid = 0;
    FILE *f;

    if (stat(path, &st) < 0 || !(f = fopen("/proc/locks", "re")))
        return false;
    while (pid == 0 && fgets(line, sizeof(line), f))
        pid = lock_line_pid(line, &st);
    (void)fclose(f);
    if (pid > 0)
        holder_fill(pid, ret);
    return pid > 0;
}

/* ---- ports ---- */

struct listeners {
    unsigned long long inodes[LISTENERS_MAX];
    unsigned n;
};

static void add_listeners(const char *path, uint16_t port, struct listeners *all)
{
    char line[512];
    FILE *f = fopen(path, "re");

    while (f && all->n < LISTENERS_MAX && fgets(line, sizeof(line), f)) {
        unsigned local_port, state;
        unsigned long long inode;
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %llu",
                   &local_port, &state, &inode) == 3 &&
            local_port == port && state == TCP_LISTEN)
            all->inodes[all->n++] = inode;
    }
    if (f)
        (void)fclose(f);
}

static bool is_listener(const struct stat *st, const void *arg)
{
    const struct listeners *all = arg;
    unsigned i = 0;

    while (i < all->n && all->inodes[i] != st->st_ino)
        i++;
    return S_ISSOCK(st->st_mode) && i < all->n;
}

bool holder_of_port(uint16_t port, struct holder *ret)
{
    char name[NAME_MAX + 1];
    struct listeners all = {.n = 0};
    struct dirent *entry;
    pid_t found = 0;

    add_listeners("/proc/self/net/tcp", port, &all);
    add_listeners("/proc/self/net/tcp6", port, &all);
    DIR *proc = all.n ? opendir("/proc") : NULL;
    while (proc && !found && (entry = readdir(proc))) {
        int pid = atoi(entry->d_name);
        if (pid > 0 && pid != getpid() && process_has_file(pid, is_listener, &all, name))
            found = pid;
    }
    if (proc)
        (void)closedir(proc);
    if (found)
        holder_fill(found, ret);
    return found != 0;
}

/* ---- folders ---- */

static bool is_locked_folder(const struct stat *st, const void *arg)
{
    const pid_t *pid = arg;
    char line[256];
    FILE *f = S_ISDIR(st->st_mode) ? fopen("/proc/locks", "re") : NULL;
    bool is_found = false;

    while (f && !is_found && fgets(line, sizeof(line), f))
        is_found = lock_line_pid(line, st) == *pid;
    if (f)
        (void)fclose(f);
    return is_found;
}

bool holder_is_like_us(const struct holder *h)
{
    struct holder us;

    holder_fill(getpid(), &us);
    return strcmp(us.program, h->program) == 0;
}

bool holder_folder_of_port(uint16_t port, char ret_path[PATH_MAX])
{
    char name[NAME_MAX + 1], link[PROC_PATH_MAX];
    struct holder h;

    if (port == 0 || !holder_of_port(port, &h) || !holder_is_like_us(&h) ||
        !process_has_file(h.pid, is_locked_folder, &h.pid, name))
        return false;
    (void)snprintf(link, sizeof(link), "/proc/%d/fd/%s", h.pid, name);
    ssize_t n = readlink(link, ret_path, PATH_MAX - 1);
    if (n <= 0)
        return false;
    ret_path[n] = '\0';
    return true;
}

const char *holder_text(bool is_known, const struct holder *h, char text[HOLDER_TEXT_MAX])
{
    text[0] = '\0';
    if (is_known)
        (void)snprintf(text, HOLDER_TEXT_MAX, h->program[0] ? " by pid %d (%s)" : " by pid %d",
                       h->pid, h->program);
    return text;
}
