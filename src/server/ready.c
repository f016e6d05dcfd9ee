/* ready: stdout carries this one line and nothing else, so that a script can wait for it. */
#include "server/ready.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "server/admin_port.h"
#include "server/wiring.h"

static void write_port_file(const struct server *s)
{
    char temporary[4096];
    const char *path = s->config->port_file;

    snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    FILE *f = fopen(temporary, "w");
    bool ok = f && fprintf(f, "%s\n", s->local_url) > 0;
    if (f && fclose(f) != 0)
        ok = false;
    if (!ok || rename(temporary, path) != 0)
        LOG(LOG_ERROR, "server", "port file not written", log_text("path", path));
}

void ready_announce(struct server *s)
{
    log_started();
    LOG(LOG_INFO, "server", "ready", log_text("url", s->local_url),
        log_int("start_ms", (int64_t)(clock_mono_ms() - s->started_ms)));
    if (s->config->port_file)
        write_port_file(s);
    /* A closed stdout is no error: somebody who wants to know reads the log or asks readiness. */
    if (admin_port_url(s))
        printf("also listening on %s\n", admin_port_url(s));
    printf("listening on %s\n", s->local_url);
    fflush(stdout);
    ready_notify("READY=1");
    mem_fail_begin();
}

void ready_withdraw(struct server *s)
{
    if (s->config->port_file)
        unlink(s->config->port_file);
}

void ready_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;

    if (!n || n >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, n);
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Nothing depends on the manager having heard us. */
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}
