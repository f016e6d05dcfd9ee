/* control_command: the process is held by a descriptor while its lock is looked at again, so that a
 * signal reaches the server that was found or nobody, also when its number is given to another
 * process meanwhile. */
#include "server/control_command.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "server/holder.h"

enum { STOP_SPARE_MS = 10000 };

struct target {
    const char *verb;
    const char *path; /* what it has locked */
    char folder[PATH_MAX];
    struct holder holder;
    int pidfd;
};

static bool control_fail(FILE *err, const struct target *t, const char *reason)
{
    fprintf(err, "hyphad: %s: %s: %s\n", t->verb, t->path, reason);
    return false;
}

/* The server that these options mean. */
static bool control_find(const struct config *c, struct target *t, FILE *err)
{
    struct holder again;

    t->path = c->pid_file ? c->pid_file : c->data_dir;
    if (!c->pid_file && !c->has_own_data_dir && holder_folder_of_port((uint16_t)c->port, t->folder))
        t->path = t->folder;
    if (!t->path || strcmp(t->path, ":memory:") == 0) {
        fprintf(err,
                "hyphad: %s: these options name no data folder (give --data-dir or --pid-file of "
                "the server)\n",
                t->verb);
        return false;
    }
    if (access(t->path, F_OK) < 0)
        return control_fail(err, t, strerror(errno));
    if (!holder_of_lock(t->path, &t->holder))
        return control_fail(err, t, "no running server has locked it, as far as the system tells");
    if (!holder_is_like_us(&t->holder)) {
        char by[HOLDER_TEXT_MAX];
        fprintf(err, "hyphad: %s: %s: it is locked%s, which is not hyphad\n", t->verb, t->path,
                holder_text(true, &t->holder, by));
        return false;
    }
    t->pidfd = pidfd_open(t->holder.pid, 0);
    if (t->pidfd < 0)
        return control_fail(err, t, strerror(errno));
    if (holder_of_lock(t->path, &again) && again.pid == t->holder.pid)
        return true;
    close(t->pidfd);
    return control_fail(err, t, "the server has just ended");
}

static bool control_signal(const struct target *t, int number, FILE *err)
{
    if (pidfd_send_signal(t->pidfd, number, NULL, 0) == 0)
        return true;
    fprintf(err, "hyphad: %s: pid %d: %s\n", t->verb, t->holder.pid, strerror(errno));
    return false;
}

int reload_command(const struct config *config, FILE *out, FILE *err)
{
    struct target t = {.verb = "reload", .pidfd = -1};

    if (!control_find(config, &t, err))
        return CONFIG_EXIT_FAILED;
    bool ok = control_signal(&t, SIGHUP, err);
    if (ok)
        fprintf(out, "pid %d has been told to reload; its log says what has changed\n",
                t.holder.pid);
    close(t.pidfd);
    return ok ? CONFIG_EXIT_OK : CONFIG_EXIT_FAILED;
}

/* Whether the process has ended by then. */
static bool control_wait(const struct target *t, uint64_t until_ms)
{
    struct pollfd fd = {.fd = t->pidfd, .events = POLLIN};
    uint64_t now;
    int n = 0;

    while (n == 0 && (now = clock_mono_ms()) < until_ms) {
        uint64_t left = until_ms - now;
        n = poll(&fd, 1, left < INT32_MAX ? (int)left : INT32_MAX);
        if (n < 0 && errno == EINTR)
            n = 0;
    }
    return n > 0;
}

int stop_command(const struct config *config, FILE *out, FILE *err)
{
    struct target t = {.verb = "stop", .pidfd = -1};
    uint64_t wait_ms = config->drain_deadline_ms + STOP_SPARE_MS;

    if (!control_find(config, &t, err))
        return CONFIG_EXIT_FAILED;
    bool ok = control_signal(&t, SIGTERM, err);
    if (ok && !control_wait(&t, clock_mono_ms() + wait_ms)) {
        fprintf(err, "hyphad: stop: pid %d still runs after %llu s\n", t.holder.pid,
                (unsigned long long)(wait_ms / 1000));
        ok = false;
    } else if (ok) {
        fprintf(out, "pid %d has ended\n", t.holder.pid);
    }
    close(t.pidfd);
    return ok ? CONFIG_EXIT_OK : CONFIG_EXIT_FAILED;
}
