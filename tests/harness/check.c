#include "harness/check.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CASE_SECONDS = 30,
    SKIPPED = 78,
    /* what a case ends with that has come to its end; one that was ended on its way has failed */
    PASSED = 77
};

static int allowed_fds; /* of the one case this process runs */

void check_allow_fds(int n)
{
    allowed_fds = n;
}

void check_fail(const char *file, int line, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "# %s:%d: ", file, line);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void check_skip(const char *why)
{
    printf("# %s\n", why);
    exit(SKIPPED);
}

void check_wait(const char *file, int line, const char *what, int n_waits)
{
    if (n_waits >= CHECK_PATIENCE_MS)
        check_fail(file, line, "not so in time: %s", what);
    (void)poll(NULL, 0, 1);
}

void check_take_us(unsigned us, const char *why)
{
    struct timespec nap = {us / 1000000, us % 1000000 * 1000L};

    (void)why;
    (void)nanosleep(&nap, NULL);
}

void check_int(const char *file, int line, const char *what, long long a, long long b)
{
    if (a != b)
        check_fail(file, line, "%s: %lld and %lld", what, a, b);
}

void check_text(const char *file, int line, const char *what, const char *a, const char *b)
{
    if (!a || !b || strcmp(a, b) != 0)
        check_fail(file, line, "%s:\n#   \"%s\"\n#   \"%s\"", what, a ? a : "(null)",
                   b ? b : "(null)");
}

void check_bytes(const char *file, int line, const char *what, const void *a, size_t n,
                 const void *b, size_t m)
{
    size_t at = 0;

    while (at < n && at < m && ((const char *)a)[at] == ((const char *)b)[at])
        at++;
    if (n != m || at != n)
        check_fail(file, line, "%s: %zu and %zu bytes, first difference at %zu", what, n, m, at);
}

char *check_read(const char *path, size_t *ret_len)
{
    char full[4096];
    const char *root = getenv("HYPHAD_TESTS");

    snprintf(full, sizeof(full), "%s/%s", root ? root : "tests", path);
    FILE *f = fopen(full, "rb");
    if (!f)
        check_fail(__FILE__, __LINE__, "cannot read %s", full);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *bytes = malloc((size_t)n + 1);
    if (!bytes || fread(bytes, 1, (size_t)n, f) != (size_t)n)
        check_fail(__FILE__, __LINE__, "short read of %s", full);
    fclose(f);
    bytes[n] = '\0';
    *ret_len = (size_t)n;
    return bytes;
}

static int count_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++) {
        char path[32];
        char target[8];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n += readlink(path, target, sizeof(target)) >= 0;
    }
    return n;
}

static _Noreturn void run_child(const struct check_case *c)
{
    alarm(CASE_SECONDS);
    int before = count_fds();
    c->run();
    int after = count_fds();
    if (after < before || after > before + allowed_fds)
        check_fail(__FILE__, __LINE__, "%s left %d descriptors open", c->name, after - before);
    exit(PASSED);
}

int check_main(const struct check_case *cases, size_t n_cases, int argc, char **argv)
{
    int failed = 0, n_run = 0;

    printf("1..%zu\n", argc > 1 ? (size_t)1 : n_cases);
    for (size_t i = 0; i < n_cases; i++) {
        if (argc > 1 && strcmp(argv[1], cases[i].name) != 0)
            continue;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            run_child(&cases[i]);
        int status = 0;
        waitpid(pid, &status, 0);
        bool is_skipped = WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED;
        bool ok = is_skipped || (WIFEXITED(status) && WEXITSTATUS(status) == PASSED);
        if (WIFSIGNALED(status))
            fprintf(stderr, "# %s: ended by signal %d\n", cases[i].name, WTERMSIG(status));
        else if (!ok)
            fprintf(stderr, "# %s: ended with %d\n", cases[i].name, WEXITSTATUS(status));
        n_run++;
        failed += !ok;
        printf("%sok %zu - %s%s\n", ok ? "" : "not ", argc > 1 ? (size_t)1 : i + 1, cases[i].name,
               is_skipped ? " # SKIP" : "");
    }
    fflush(stdout);
    return failed || !n_run ? 1 : 0;
}
