/* redis_server: a real Redis of the test's own, on a socket in the bench's folder. */
#pragma once
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "unit/store/bench.h"

struct redis_server {
    pid_t pid; /* 0: there is none on this machine */
    char socket[96], uri[128];
};

static inline bool redis_server_answers(const struct redis_server *r)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", r->socket);
    bool ok = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
    (void)close(fd);
    return ok;
}

/* False, said on stdout: no redis-server is installed. The harness's deadline ends a wait for
 * nothing. */
static inline void redis_server_start(struct redis_server *r, struct bench *b, const char *password)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the server does */
    (void)snprintf(r->socket, sizeof(r->socket), "%s/redis", b->folder);
    (void)snprintf(r->uri, sizeof(r->uri), "unix://%s?db=3", r->socket);
    r->pid = fork();
    CHECK(r->pid >= 0);
    if (r->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)freopen("/dev/null", "w", stdout);
        (void)execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", r->socket,
                     "--save", "", "--appendonly", "no", "--dir", b->folder, "--requirepass",
                     password ? password : "", (char *)NULL);
        _exit(127);
    }
    while (!redis_server_answers(r)) {
        int status;
        if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
            CHECK_INT(WEXITSTATUS(status), 127);
            r->pid = 0;
            bench_close(b);
            check_skip("redis-server is not installed");
        }
        sched_yield();
    }
}

static inline void redis_server_stop(struct redis_server *r)
{
    if (!r->pid)
        return;
    CHECK_INT(kill(r->pid, SIGKILL), 0);
    CHECK_INT(waitpid(r->pid, NULL, 0), r->pid);
    (void)unlink(r->socket);
    r->pid = 0;
}

static inline int redis_server_open(struct bench *b, const char *uri, const char *owner,
                                    uint32_t timeout_ms, struct store **ret,
                                    char error[STORE_ERROR_MAX])
{
    struct store_redis_options o = {.uri = uri, .owner = owner, .timeout_ms = timeout_ms};
    int r = store_check_redis(&o, error);

    if (r == STORE_OK) {
        o.rows = store_open_memory(b->loop);
        *ret = store_open_redis(b->loop, &o);
    }
    return r;
}
