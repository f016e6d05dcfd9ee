/* How the world learns that the server serves, and how signals reach it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config.h"
#include "harness/check.h"
#include "server/ready.h"
#include "server/signals.h"
#include "server/wiring.h"

static char folder[] = "/tmp/hyphad-ready-XXXXXX";

static void in_folder(char *out, size_t room, const char *name)
{
    snprintf(out, room, "%s/%s", folder, name);
}

/* stdout carries one line, for scripts. */
CASE(a_port_file_is_whole_while_the_server_is_ready)
{
    struct config config = {0};
    struct server s = {.config = &config, .local_url = (char *)"http://127.0.0.1:9527"};
    char path[100], temporary[110], text[100] = "";
    struct stat st;
    int line[2], out = dup(STDOUT_FILENO);

    CHECK(mkdtemp(folder) != NULL);
    CHECK_INT(pipe(line), 0);
    CHECK(dup2(line[1], STDOUT_FILENO) >= 0);
    in_folder(path, sizeof(path), "port");
    snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    config.port_file = path;
    ready_announce(&s);
    CHECK(dup2(out, STDOUT_FILENO) >= 0);
    CHECK_INT(read(line[0], text, sizeof(text)), 35);
    CHECK(strncmp(text, "listening on http://127.0.0.1:9527\n", 35) == 0);
    close(line[0]);
    close(line[1]);
    close(out);
    FILE *f = fopen(path, "r");
    CHECK(f && fgets(text, sizeof(text), f));
    fclose(f);
    CHECK_TEXT(text, "http://127.0.0.1:9527\n");
    CHECK(stat(temporary, &st) != 0);
    ready_withdraw(&s);
    CHECK(stat(path, &st) != 0);
    CHECK_INT(rmdir(folder), 0);
}

CASE(the_service_manager_is_told_by_a_datagram)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char text[100] = "";

    CHECK(mkdtemp(folder) != NULL);
    in_folder(to.sun_path, sizeof(to.sun_path), "notify");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    setenv("NOTIFY_SOCKET", to.sun_path, 1);
    ready_notify("STOPPING=1");
    CHECK_INT(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 10);
    CHECK_TEXT(text, "STOPPING=1");
    /* Nobody there, or no such thing: nothing happens. */
    close(fd);
    ready_notify("READY=1");
    unsetenv("NOTIFY_SOCKET");
    ready_notify("READY=1");
    unlink(to.sun_path);
    CHECK_INT(rmdir(folder), 0);
}

CASE(signals_are_events)
{
    static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    int fd = signals_open();

    CHECK(fd >= 0);
    CHECK_INT(signals_take(fd), 0);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        CHECK_INT(kill(getpid(), all[i]), 0);
        CHECK_INT(signals_take(fd), all[i]);
    }
    CHECK_INT(signals_take(fd), 0);
    CHECK_INT(kill(getpid(), SIGPIPE), 0); /* a connection that is gone ends nobody */
    signals_close(fd);
}

CASES(RUN(a_port_file_is_whole_while_the_server_is_ready),
      RUN(the_service_manager_is_told_by_a_datagram), RUN(signals_are_events))
