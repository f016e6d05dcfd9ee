/* spawn: vfork, so that a server with gigabytes starts a program as fast as an empty one. Until
 * exec the child borrows our memory: it makes system calls and nothing else. A pipe that exec
 * closes tells the stage at which it failed. */
#include "loop/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_END, WRITE_END, N_PIPES = 4, REPORT = 3, EXIT_NOT_RUN = 127 };

struct limit {
    int resource;
    rlim_t most;
};

struct plan {
    const struct spawn_request *request;
    int pipes[N_PIPES][2]; /* its standard streams, and the report */
    pid_t parent;
    sigset_t no_signals;
    struct limit limits[6];
    size_t n_limits;
};

/* ---- in the child ---- */

static _Noreturn void spawn_give_up(const struct plan *p, enum spawn_stage stage)
{
    struct spawn_failure failure = {stage, errno};

    (void)!write(p->pipes[REPORT][WRITE_END], &failure, sizeof(failure));
    _exit(EXIT_NOT_RUN);
}

/* Handlers are ours and would run in borrowed memory; ignored signals would stay ignored in the
 * program. */
static void restore_signals(const struct plan *p)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};

    for (int n = 1; n < NSIG; n++)
        (void)sigaction(n, &usual, NULL); /* refused for those that cannot be handled */
    (void)sigprocmask(SIG_SETMASK, &p->no_signals, NULL);
}

static void take_streams(const struct plan *p)
{
    for (int i = 0; i < 3; i++) {
        if (dup2(p->pipes[i][i == STDIN_FILENO ? READ_END : WRITE_END], i) < 0)
            spawn_give_up(p, SPAWN_STREAMS);
    }
    /* Whoever opened a descriptor of ours without this flag has not given it away. */
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
        spawn_give_up(p, SPAWN_STREAMS);
}

static _Noreturn void program_become(const struct plan *p)
{
    const struct spawn_request *r = p->request;

    restore_signals(p);
    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        spawn_give_up(p, SPAWN_GROUP);
    if (getppid() != p->parent) /* the server died before it was said */
        _exit(EXIT_NOT_RUN);
    if (r->folder && chdir(r->folder) != 0)
        spawn_give_up(p, SPAWN_FOLDER);
    take_streams(p);
    for (size_t i = 0; i < p->n_limits; i++) {
        struct rlimit limit = {p->limits[i].most, p->limits[i].most};
        if (setrlimit(p->limits[i].resource, &limit) != 0)
            spawn_give_up(p, SPAWN_LIMITS);
    }
    (void)execve(r->argv[0], (char *const *)r->argv, (char *const *)r->env);
    spawn_give_up(p, SPAWN_EXEC);
}

/* ---- in the server ---- */

static void close_pipe(int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
        ends[i] = -1;
    }
}

/* Above the standard streams, which the child replaces, even if the server was started without
 * some. */
static int pipe_move_up(int *fd)
{
    int higher;

    if (*fd > STDERR_FILENO)
        return 0;
    higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (higher < 0)
        return -1;
    close(*fd);
    *fd = higher;
    return 0;
}

static int open_pipes(struct plan *p)
{
    for (int i = 0; i < N_PIPES; i++) {
        int *ends = p->pipes[i];
        if (pipe2(ends, O_CLOEXEC) != 0) {
            ends[READ_END] = ends[WRITE_END] = -1;
            return -1;
        }
        if (pipe_move_up(&ends[READ_END]) != 0 || pipe_move_up(&ends[WRITE_END]) != 0)
            return -1;
    }
    return 0;
}

static void spawn_add_limit(struct plan *p, int resource, uint64_t most)
{
    if (most)
        p->limits[p->n_limits++] = (struct limit){resource, (rlim_t)most};
}

static void plan_limits(struct plan *p)
{
    const struct spawn_limits *l = &p->request->limits;

    p->limits[p->n_limits++] = (struct limit){RLIMIT_CORE, 0};
    spawn_add_limit(p, RLIMIT_AS, l->memory_bytes);
    spawn_add_limit(p, RLIMIT_CPU, l->cpu_s);
    spawn_add_limit(p, RLIMIT_FSIZE, l->file_bytes);
    spawn_add_limit(p, RLIMIT_NOFILE, l->n_files);
    spawn_add_limit(p, RLIMIT_NPROC, l->n_processes);
}

/* A function of its own: what it keeps across vfork is one argument. */
static pid_t program_fork(const struct plan *p)
{
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

    if (pid == 0)
        program_become(p);
    return pid;
}

static pid_t program_fork_undisturbed(struct plan *p)
{
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    sigemptyset(&p->no_signals);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = program_fork(p);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* Whether exec has closed the report unwritten. */
static bool program_has_begun(struct plan *p, struct spawn_failure *ret)
{
    ssize_t n;

    close(p->pipes[REPORT][WRITE_END]);
    p->pipes[REPORT][WRITE_END] = -1;
    do
        n = read(p->pipes[REPORT][READ_END], ret, sizeof(*ret));
    while (n < 0 && errno == EINTR);
    return n != (ssize_t)sizeof(*ret);
}

static int program_start(struct plan *p, struct spawned *ret, struct spawn_failure *ret_failure)
{
    *ret_failure = (struct spawn_failure){SPAWN_PROCESS, 0};
    ret->pid = program_fork_undisturbed(p);
    if (ret->pid < 0) {
        ret_failure->error = errno;
        return -1;
    }
    ret->process_fd = pidfd_open(ret->pid, 0);
    if (ret->process_fd < 0) {
        ret_failure->error = errno;
        (void)kill(ret->pid, SIGKILL);
    } else if (program_has_begun(p, ret_failure)) {
        return 0;
    } else {
        close(ret->process_fd);
    }
    while (waitpid(ret->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return -1;
}

int spawn(const struct spawn_request *request, struct spawned *ret,
          struct spawn_failure *ret_failure)
{
    struct plan p = {.request = request, .parent = getpid()};
    int r = -1;

    memset(p.pipes, -1, sizeof(p.pipes));
    plan_limits(&p);
    if (open_pipes(&p) == 0)
        r = program_start(&p, ret, ret_failure);
    else
        *ret_failure = (struct spawn_failure){SPAWN_PIPES, errno};
    for (int i = 0; r == 0 && i < 3; i++) {
        int *ours = &p.pipes[i][i == STDIN_FILENO ? WRITE_END : READ_END];
        ret->streams[i] = *ours;
        *ours = -1;
    }
    for (int i = 0; i < N_PIPES; i++)
        close_pipe(p.pipes[i]);
    return r;
}

void spawned_signal(const struct spawned *one, int signal)
{
    (void)kill(-one->pid, signal); /* unreaped, so the number is still its own */
}

int spawned_reap(const struct spawned *one, struct spawn_ending *ret)
{
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)one->process_fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
        return -1;
    *ret = (struct spawn_ending){.status = -1};
    if (info.si_code == CLD_EXITED)
        ret->status = info.si_status;
    else
        ret->signal = info.si_status;
    return 0;
}

const char *spawn_stage_word(enum spawn_stage stage)
{
    static const char *const words[SPAWN_STAGES] = {
        [SPAWN_RUNS] = "it runs",
        [SPAWN_PIPES] = "its pipes could not be made",
        [SPAWN_PROCESS] = "no further process could be made",
        [SPAWN_GROUP] = "it could not have a process group of its own",
        [SPAWN_FOLDER] = "its folder could not be entered",
        [SPAWN_LIMITS] = "its limits could not be set",
        [SPAWN_STREAMS] = "its standard streams could not be set",
        [SPAWN_EXEC] = "the program could not be run",
    };

    return words[stage];
}
