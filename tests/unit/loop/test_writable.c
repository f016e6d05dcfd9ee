/* Real sockets, and one loop that is run turn by turn from the test's thread. */
#include "loop/writable.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/check.h"
#include "loop/loop.h"

/* more sockets than are told of in one turn */
enum { SOCKETS = 600, TURNS_MOST = 100000 };

struct line {
    struct writable writable;
    int ours, theirs;
    int n_told;
};

static struct line lines[SOCKETS];
static int n_told;

static void on_writable(struct writable *w)
{
    CONTAINER_OF(w, struct line, writable)->n_told++;
    n_told++;
}

static void line_open(struct line *line)
{
    int pair[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    *line = (struct line){.writable.run = on_writable, .ours = pair[0], .theirs = pair[1]};
}

static void fill(const struct line *line)
{
    static const char bytes[4096];

    while (write(line->ours, bytes, sizeof(bytes)) > 0) {
    }
}

static void empty(const struct line *line)
{
    char bytes[4096];

    while (read(line->theirs, bytes, sizeof(bytes)) > 0) {
    }
}

static void turn_until(struct loop_set *set, int n)
{
    for (int i = 0; n_told < n; i++) {
        CHECK(i < TURNS_MOST);
        uv_run(&set->loops[0].uv, UV_RUN_NOWAIT);
    }
}

static void some_turns(struct loop_set *set)
{
    for (int i = 0; i < 20; i++)
        uv_run(&set->loops[0].uv, UV_RUN_NOWAIT);
}

static void await(struct loop_set *set, struct line *line)
{
    CHECK_INT(loop_await_writable(&set->loops[0], line->ours, &line->writable), 0);
}

static void end(struct loop_set *set, int n_lines)
{
    for (int i = 0; i < n_lines; i++) {
        close(lines[i].ours);
        close(lines[i].theirs);
    }
    CHECK_INT(loop_set_start(set), 0);
    loop_set_stop(set);
    loop_set_deinit(set);
}

static void begin(struct loop_set *set, int n_lines)
{
    check_allow_fds(2); /* libuv's own for signals */
    CHECK_INT(loop_set_init(set, 1), 0);
    set->loops[0].thread = pthread_self();
    for (int i = 0; i < n_lines; i++)
        line_open(&lines[i]);
    n_told = 0;
}

CASE(each_is_told_once_when_it_takes_more)
{
    struct loop_set set = {0};

    begin(&set, SOCKETS);
    for (int i = 0; i < SOCKETS; i++) {
        fill(&lines[i]);
        await(&set, &lines[i]);
    }
    some_turns(&set);
    CHECK_INT(n_told, 0);
    for (int i = 0; i < SOCKETS; i++)
        empty(&lines[i]);
    turn_until(&set, SOCKETS);
    some_turns(&set);
    for (int i = 0; i < SOCKETS; i++)
        CHECK_INT(lines[i].n_told, 1);
    await(&set, &lines[7]); /* again: it is known by now */
    turn_until(&set, SOCKETS + 1);
    CHECK_INT(lines[7].n_told, 2);
    end(&set, SOCKETS);
}

CASE(a_socket_that_has_failed_is_told_of_and_a_closed_one_is_not)
{
    struct loop_set set = {0};

    begin(&set, 2);
    for (int i = 0; i < 2; i++) {
        fill(&lines[i]);
        await(&set, &lines[i]);
    }
    close(lines[0].ours);
    close(lines[1].theirs);
    turn_until(&set, 1);
    some_turns(&set);
    CHECK_INT(lines[0].n_told, 0);
    CHECK_INT(lines[1].n_told, 1);
    lines[0].ours = dup(lines[1].ours);
    lines[1].theirs = dup(lines[1].ours);
    end(&set, 2);
}

/* As while a program is started, which has our sockets until it has become another. */
CASE(a_socket_that_is_forgotten_is_not_told_of_whoever_has_it)
{
    struct loop_set set = {0};

    begin(&set, 1);
    int other = dup(lines[0].ours);
    fill(&lines[0]);
    await(&set, &lines[0]);
    loop_forget_writable(&set.loops[0], lines[0].ours);
    close(lines[0].ours);
    empty(&lines[0]);
    some_turns(&set);
    CHECK_INT(n_told, 0);
    lines[0].ours = other;
    end(&set, 1);
}

CASES(RUN(each_is_told_once_when_it_takes_more),
      RUN(a_socket_that_has_failed_is_told_of_and_a_closed_one_is_not),
      RUN(a_socket_that_is_forgotten_is_not_told_of_whoever_has_it))
