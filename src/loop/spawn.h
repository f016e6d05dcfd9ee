/* spawn: starts a program, and says how far it came when it cannot: "never started" is not "started
 * and died". The program leads a process group of its own, has the three standard streams as pipes
 * and no other descriptor, the environment it is given and nothing of ours, no core dumps, and dies
 * with the server. Linux: a process is held by its descriptor (pidfd), so no signal meets a
 * stranger that has the number by now. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/assert.h"

enum spawn_stage {
    SPAWN_RUNS,    /* the program itself runs */
    SPAWN_PIPES,   /* we: the pipes could not be made */
    SPAWN_PROCESS, /* we: no further process */
    SPAWN_GROUP,   /* it: its process group, and its death with ours */
    SPAWN_FOLDER,
    SPAWN_LIMITS,
    SPAWN_STREAMS,
    SPAWN_EXEC, /* no such program, or none that may be run */
    SPAWN_STAGES
};

/* 0 = as the server's own. */
struct spawn_limits {
    uint64_t memory_bytes; /* of its address space */
    uint64_t cpu_s;
    uint64_t file_bytes;  /* of each file it writes */
    uint64_t n_files;     /* open at a time */
    uint64_t n_processes; /* of its user on this machine, as the kernel counts */
};

struct spawn_request { /* all borrowed until spawn() has returned */
    /* NULL at its end; [0] is the path of the program, which is not searched for */
    const char *const *argv;
    const char *const *env; /* NULL at its end: "NAME=value", all it has */
    const char *folder;     /* NULL = the server's own */
    struct spawn_limits limits;
};

struct spawned { /* the descriptors are the caller's to close */
    pid_t pid;
    int process_fd; /* readable when it has ended */
    int streams[3]; /* our ends of its standard input, output and errors */
};

struct spawn_failure {
    enum spawn_stage stage;
    int error; /* errno */
};

struct spawn_ending {
    int status; /* when it ended by itself; else -1 */
    int signal; /* which one killed it; else 0 */
};

/* 0, or -1 with *ret_failure. Waits until the program runs or cannot, so not from a loop; from a
 * thread that lives as long as the server does, as the kernel ends the program with the thread that
 * started it. */
MUST_CHECK int spawn(const struct spawn_request *request, struct spawned *ret,
                     struct spawn_failure *ret_failure);
/* its whole group. Before it is reaped */
void spawned_signal(const struct spawned *one, int signal);
/* 0 when it has ended: once. -1: not yet. */
MUST_CHECK int spawned_reap(const struct spawned *one, struct spawn_ending *ret);
/* for logs and errors: "the program could not be run" */
const char *spawn_stage_word(enum spawn_stage stage);
