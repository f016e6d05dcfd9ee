#include "loop/child.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include "base/account.h"
#include "unit/net/turns.h"

/* ---- the table ---- */

CASE(every_way_to_the_end_passes_the_same_stations)
{
    enum child_state s = CHILD_STARTING;

    CHECK_INT(child_step(&s, CHILD_STARTED), CHILD_DO_TELL);
    CHECK_INT(child_step(&s, CHILD_STOP), CHILD_DO_ASK);
    CHECK_INT(child_step(&s, CHILD_STOP), CHILD_DO_NOTHING);
    CHECK_INT(child_step(&s, CHILD_DUE), CHILD_DO_KILL);
    CHECK_INT(child_step(&s, CHILD_DUE), CHILD_DO_KILL);
    CHECK_INT(child_step(&s, CHILD_EXITED), CHILD_DO_REAP);
    CHECK_INT(child_step(&s, CHILD_READ), CHILD_DO_END);
    CHECK_INT(s, CHILD_ENDED);
    CHECK_INT(child_step(&s, CHILD_STOP), CHILD_DO_NOTHING);
    s = CHILD_STARTING;
    CHECK_INT(child_step(&s, CHILD_STOP), CHILD_DO_NOTHING);
    CHECK_INT(child_step(&s, CHILD_STARTED), CHILD_DO_KILL);
    s = CHILD_UNWANTED;
    CHECK_INT(child_step(&s, CHILD_FAILED), CHILD_DO_END);
}

/* ---- what happens, in turns, with a system of the test's own or the real one ---- */

struct seen {
    int n_started, n_ended, n_drained, n_term, n_kill, n_reaped;
    struct child_end end;
    size_t n_output;
    char output[512];
    size_t n_errors;
    struct child *child;
    bool stops_when_started;
};

static struct seen seen; /* what the fakes count; one case a process */

static void on_started(void *owner)
{
    struct seen *s = owner;

    s->n_started++;
    if (s->stops_when_started)
        child_stop(s->child);
}

static void on_output(void *owner, enum child_stream from, struct slice bytes)
{
    struct seen *s = owner;

    if (from == CHILD_ERRORS) {
        s->n_errors += bytes.len;
        return;
    }
    for (size_t i = 0; i < bytes.len && s->n_output + i < sizeof(s->output) - 1; i++)
        s->output[s->n_output + i] = bytes.ptr[i];
    s->n_output += bytes.len;
}

static void on_drained(void *owner)
{
    ((struct seen *)owner)->n_drained++;
}

static void on_end(void *owner, const struct child_end *end)
{
    struct seen *s = owner;

    s->n_ended++;
    s->end = *end;
    s->child = NULL;
}

static const struct child_ops ops = {on_started, on_output, on_drained, on_end};

/* A process that the test plays: its pipes' other ends, and an eventfd that is readable when it has
 * ended. */
static struct {
    atomic_bool may_start, fails;
    int theirs[3], exit_fd;
} fake;

static int fake_spawn(const struct spawn_request *request, struct spawned *ret,
                      struct spawn_failure *ret_failure)
{
    (void)request;
    CHECK_UNTIL(fake.may_start);
    if (fake.fails) {
        *ret_failure = (struct spawn_failure){SPAWN_EXEC, ENOENT};
        return -1;
    }
    for (int i = 0; i < 3; i++) {
        int ends[2];
        CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
        ret->streams[i] = ends[i == 0 ? 1 : 0];
        fake.theirs[i] = ends[i == 0 ? 0 : 1];
    }
    ret->process_fd = fake.exit_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return 0;
}

static void fake_signal(const struct spawned *one, int signal)
{
    (void)one;
    seen.n_term += signal == SIGTERM;
    seen.n_kill += signal == SIGKILL;
}

static int fake_reap(const struct spawned *one, struct spawn_ending *ret)
{
    (void)one;
    seen.n_reaped++;
    *ret = (struct spawn_ending){.status = 3};
    return 0;
}

static void fake_exit(void)
{
    CHECK_INT(eventfd_write(fake.exit_fd, 1), 0);
}

static void fake_close(int which)
{
    close(fake.theirs[which]);
}

static void fake_close_all(void)
{
    for (int i = 0; i < 3; i++)
        fake_close(i);
}

static const struct child_calls fake_calls = {fake_spawn, fake_signal, fake_reap};
static const char *const no_words[] = {NULL};
static const char *const some_words[] = {"/a/program", "with", "arguments", NULL};

static void begin(struct turns *t)
{
    turns_init(t, 1);
    t->loop->thread = pthread_self();
}

static void start_fake(struct turns *t, struct account *payer, uint32_t grace_ms)
{
    const struct child_request r = {.spawn = {.argv = some_words, .env = no_words, .folder = "/"},
                                    .grace_ms = grace_ms,
                                    .account = payer,
                                    .calls = &fake_calls};

    seen.child = child_start(t->loop, &r, &ops, &seen);
    CHECK(seen.child != NULL);
}

static void start_running(struct turns *t, uint32_t grace_ms)
{
    begin(t);
    fake.may_start = true;
    start_fake(t, t->loop->own, grace_ms);
    TURNS_UNTIL(t, seen.n_started == 1);
}

static void end(struct turns *t)
{
    CHECK_INT(seen.n_ended, 1);
    CHECK(list_is_empty(&t->loop->children));
    turns_deinit(t);
}

CASE(never_started_is_not_started_and_died)
{
    struct turns t;

    begin(&t);
    fake.may_start = fake.fails = true;
    start_fake(&t, t.loop->own, 0);
    TURNS_UNTIL(&t, seen.n_ended == 1);
    CHECK_INT(seen.n_started, 0);
    CHECK_INT(seen.end.failure.stage, SPAWN_EXEC);
    CHECK_INT(seen.end.failure.error, ENOENT);
    CHECK_INT(seen.n_kill + seen.n_term + seen.n_reaped, 0);
    end(&t);
}

CASE(stopped_before_it_runs_it_is_killed_as_soon_as_it_does)
{
    struct turns t;

    begin(&t);
    start_fake(&t, t.loop->own, 60000);
    child_stop(seen.child);
    child_stop(seen.child);
    fake.may_start = true;
    TURNS_UNTIL(&t, seen.n_kill == 1);
    fake_exit();
    fake_close_all();
    TURNS_UNTIL(&t, seen.n_ended == 1);
    CHECK_INT(seen.n_started, 0);
    CHECK_INT(seen.n_term, 0);
    CHECK(seen.end.was_asked);
    end(&t);
}

CASE(deaf_to_being_asked_it_is_killed_after_its_grace)
{
    struct turns t;

    start_running(&t, 40);
    child_stop(seen.child);
    child_stop(seen.child);
    CHECK_INT(seen.n_term, 1);
    CHECK_INT(seen.n_kill, 0);
    TURNS_UNTIL(&t, seen.n_kill == 1);
    fake_exit();
    TURNS_UNTIL(&t, seen.n_reaped == 1);
    CHECK_INT(seen.n_kill, 2); /* its group, before it is reaped */
    fake_close(1);
    fake_close(2);
    TURNS_UNTIL(&t, seen.n_ended == 1);
    fake_close(0);
    CHECK_INT(seen.end.ending.status, 3);
    end(&t);
}

CASE(what_it_wrote_before_its_end_is_read_before_its_end_is_told)
{
    struct turns t;

    start_running(&t, 0);
    child_pause(seen.child, CHILD_OUTPUT);
    CHECK_INT(write(fake.theirs[1], "last words", 10), 10);
    fake_close(1);
    fake_close(2);
    fake_exit();
    TURNS_UNTIL(&t, seen.n_reaped == 1);
    for (int i = 0; i < 10; i++)
        turns_run(&t);
    CHECK_INT(seen.n_ended, 0);
    CHECK_INT(seen.n_output, 0);
    child_resume(seen.child, CHILD_OUTPUT);
    TURNS_UNTIL(&t, seen.n_ended == 1);
    fake_close(0);
    CHECK_INT(seen.n_output, 10);
    CHECK_TEXT(seen.output, "last words");
    CHECK(!seen.end.was_asked);
    end(&t);
}

CASE(who_holds_its_pipes_open_after_its_end_is_not_waited_for)
{
    struct turns t;

    start_running(&t, 0);
    fake_exit();
    TURNS_UNTIL(&t, seen.n_ended == 1);
    fake_close_all();
    end(&t);
}

CASE(its_input_is_bounded_and_tells_when_there_is_room)
{
    static char much[CHILD_INPUT_MAX / 2];
    static char got[CHILD_INPUT_MAX];
    struct turns t;
    size_t n = 0;

    start_running(&t, 0);
    CHECK_INT(child_write(seen.child, slice_make(much, sizeof(much))), CHILD_OK);
    CHECK_INT(child_write(seen.child, slice_make(much, sizeof(much))), CHILD_OK);
    CHECK_INT(child_write(seen.child, slice_make(much, sizeof(much))), CHILD_FULL);
    CHECK_INT(seen.n_drained, 0);
    child_end_input(seen.child);
    CHECK_INT(child_write(seen.child, SLICE_LIT("x")), CHILD_CLOSED);
    while (n < 2 * sizeof(much)) {
        ssize_t r = read(fake.theirs[0], got, sizeof(got));
        CHECK(r > 0);
        n += (size_t)r;
        turns_run(&t);
    }
    TURNS_UNTIL(&t, read(fake.theirs[0], got, 1) == 0);
    CHECK_INT(seen.n_drained, 1);
    fake_exit();
    fake_close_all();
    TURNS_UNTIL(&t, seen.n_ended == 1);
    end(&t);
}

CASE(who_waits_for_room_hears_that_its_input_is_closed)
{
    static char much[CHILD_INPUT_MAX];
    struct turns t;

    start_running(&t, 0);
    CHECK_INT(child_write(seen.child, slice_make(much, sizeof(much))), CHILD_OK);
    CHECK_INT(child_write(seen.child, SLICE_LIT("x")), CHILD_FULL);
    fake_close(0);
    TURNS_UNTIL(&t, seen.n_drained == 1);
    CHECK_INT(child_write(seen.child, SLICE_LIT("x")), CHILD_CLOSED);
    fake_exit();
    fake_close(1);
    fake_close(2);
    TURNS_UNTIL(&t, seen.n_ended == 1);
    end(&t);
}

/* It is not told to wait, because nothing that is read would make room. */
CASE(what_can_never_be_written_is_not_waited_for)
{
    static char much[CHILD_INPUT_MAX + 1];
    struct turns t;
    struct account *small = account_new(NULL, ACCOUNT_OWN, 16 * 1024);

    begin(&t);
    fake.may_start = true;
    start_fake(&t, small, 0);
    TURNS_UNTIL(&t, seen.n_started == 1);
    CHECK_INT(child_write(seen.child, slice_make(much, 32 * 1024)), CHILD_NO_ROOM);
    CHECK_INT(child_write(seen.child, slice_make(much, sizeof(much))), CHILD_NO_ROOM);
    CHECK_INT(child_write(seen.child, SLICE_LIT("x")), CHILD_OK);
    fake_exit();
    fake_close_all();
    TURNS_UNTIL(&t, seen.n_ended == 1);
    CHECK_INT(account_used(small), 0);
    account_unref(small);
    end(&t);
}

CASE(an_account_without_room_starts_nothing)
{
    struct turns t;
    struct account *small = account_new(NULL, ACCOUNT_OWN, 100);
    const struct child_request r = {
        .spawn = {.argv = some_words, .env = no_words}, .account = small, .calls = &fake_calls};

    begin(&t);
    CHECK(child_start(t.loop, &r, &ops, &seen) == NULL);
    CHECK(account_used(small) == 0);
    account_unref(small);
    turns_deinit(&t);
}

CASE(the_end_of_the_loop_waits_for_nobody)
{
    struct turns t;

    start_running(&t, 60000);
    child_stop(seen.child);
    child_end_all(t.loop);
    CHECK_INT(seen.n_kill, 1);
    TURNS_UNTIL(&t, list_is_empty(&t.loop->children));
    CHECK_INT(seen.n_ended, 0); /* their owners are going too */
    fake_close_all();
    turns_deinit(&t);
}

CASE(an_owner_may_stop_it_as_it_starts)
{
    struct turns t;

    begin(&t);
    fake.may_start = seen.stops_when_started = true;
    start_fake(&t, t.loop->own, 60000);
    TURNS_UNTIL(&t, seen.n_term == 1);
    fake_exit();
    fake_close_all();
    TURNS_UNTIL(&t, seen.n_ended == 1);
    end(&t);
}

/* ---- real programs ---- */

static void start_script(struct turns *t, const char *script, struct spawn_limits limits)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const char *const env[] = {"GREETING=hello", NULL};
    const struct child_request r = {
        .spawn = {.argv = argv, .env = env, .folder = "/", .limits = limits},
        .grace_ms = 50,
        .account = t->loop->own};

    seen.child = child_start(t->loop, &r, &ops, &seen);
    CHECK(seen.child != NULL);
}

CASE(a_program_has_its_environment_its_folder_and_nothing_of_ours)
{
    struct turns t;
    int ours = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */

    begin(&t);
    CHECK(ours > 2);
    setenv("A_SECRET", "of the server", 1);
    start_script(
        &t, "read line; echo \"$GREETING $A_SECRET$line $PWD\" $(ls /proc/self/fd | wc -l); exit 7",
        (struct spawn_limits){0});
    TURNS_UNTIL(&t, seen.n_started == 1);
    CHECK_INT(child_write(seen.child, SLICE_LIT("there\n")), CHILD_OK);
    TURNS_UNTIL(&t, seen.n_ended == 1);
    CHECK_TEXT(seen.output, "hello there / 4\n"); /* the fourth is that of ls itself */
    CHECK_INT(seen.end.ending.status, 7);
    close(ours);
    end(&t);
}

CASE(no_such_program_says_so)
{
    struct turns t;
    const char *const argv[] = {"/no/such/program", NULL};
    const struct child_request r = {.spawn = {.argv = argv, .env = no_words}, .account = NULL};
    struct child_request paid = r;

    begin(&t);
    paid.account = t.loop->own;
    seen.child = child_start(t.loop, &paid, &ops, &seen);
    TURNS_UNTIL(&t, seen.n_ended == 1);
    CHECK_INT(seen.end.failure.stage, SPAWN_EXEC);
    CHECK_INT(seen.end.failure.error, ENOENT);
    end(&t);
}

CASE(no_such_folder_says_so)
{
    struct turns t;
    const char *const argv[] = {"/bin/sh", NULL};
    struct child_request r = {
        .spawn = {.argv = argv, .env = no_words, .folder = "/no/such/folder"}};

    begin(&t);
    r.account = t.loop->own;
    seen.child = child_start(t.loop, &r, &ops, &seen);
    TURNS_UNTIL(&t, seen.n_ended == 1);
    CHECK_INT(seen.end.failure.stage, SPAWN_FOLDER);
    end(&t);
}

/* Gone, or dead and not yet reaped by whoever has it now. */
static bool is_dead(pid_t pid)
{
    char path[64], line[256] = "";
    const char *state;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    (void)!read(fd, line, sizeof(line) - 1);
    close(fd);
    state = strrchr(line, ')');
    return !state || strchr("ZX", state[2]);
}

CASE(a_group_that_ignores_being_asked_is_killed_with_all_it_has_started)
{
    struct turns t;

    begin(&t);
    start_script(&t,
                 "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $!; while :; do "
                 "sleep 1; done",
                 (struct spawn_limits){0});
    TURNS_UNTIL(&t, strchr(seen.output, '\n') != NULL);
    pid_t started_by_it = (pid_t)strtol(seen.output, NULL, 10);
    CHECK(started_by_it > 0 && !is_dead(started_by_it));
    child_stop(seen.child);
    TURNS_UNTIL(&t, seen.n_ended == 1);
    TURNS_UNTIL(&t, is_dead(started_by_it));
    CHECK_INT(seen.end.ending.signal, SIGKILL);
    CHECK(seen.end.was_asked);
    end(&t);
}

CASE(a_limit_holds)
{
    struct turns t;

    begin(&t);
    start_script(&t, "ulimit -n; ulimit -c", (struct spawn_limits){.n_files = 17});
    TURNS_UNTIL(&t, seen.n_ended == 1);
    CHECK_TEXT(seen.output, "17\n0\n");
    end(&t);
}

CASE(a_flood_waits_while_it_is_paused)
{
    struct turns t;

    begin(&t);
    start_script(&t, "exec yes", (struct spawn_limits){0});
    TURNS_UNTIL(&t, seen.n_output > 100000);
    child_pause(seen.child, CHILD_OUTPUT);
    size_t n = seen.n_output;
    for (int i = 0; i < 100; i++)
        turns_run(&t);
    CHECK_INT(seen.n_output, n);
    child_kill(seen.child);
    child_abandon(seen.child);
    TURNS_UNTIL(&t, list_is_empty(&t.loop->children));
    CHECK_INT(seen.n_ended, 0);
    turns_deinit(&t);
}

CASES(RUN(every_way_to_the_end_passes_the_same_stations),
      RUN(never_started_is_not_started_and_died),
      RUN(stopped_before_it_runs_it_is_killed_as_soon_as_it_does),
      RUN(deaf_to_being_asked_it_is_killed_after_its_grace),
      RUN(what_it_wrote_before_its_end_is_read_before_its_end_is_told),
      RUN(who_holds_its_pipes_open_after_its_end_is_not_waited_for),
      RUN(its_input_is_bounded_and_tells_when_there_is_room),
      RUN(who_waits_for_room_hears_that_its_input_is_closed),
      RUN(what_can_never_be_written_is_not_waited_for), RUN(an_account_without_room_starts_nothing),
      RUN(the_end_of_the_loop_waits_for_nobody), RUN(an_owner_may_stop_it_as_it_starts),
      RUN(a_program_has_its_environment_its_folder_and_nothing_of_ours),
      RUN(no_such_program_says_so), RUN(no_such_folder_says_so),
      RUN(a_group_that_ignores_being_asked_is_killed_with_all_it_has_started), RUN(a_limit_holds),
      RUN(a_flood_waits_while_it_is_paused))
