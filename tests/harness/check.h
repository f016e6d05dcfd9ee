/* check: a small test harness. Each case runs in a child of its own under a time limit; TAP on
 * stdout; a leak of memory is the sanitizer's business, a leak of descriptors ours.
 *
 *     CASE(slice_cuts) { CHECK(slice_is(head, "ws")); }
 *     CASES(RUN(slice_cuts)) */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct check_case {
    const char *name;
    void (*run)(void);
};

#define CASE(name) static void case_##name(void)
#define RUN(name)                                                                                  \
    {                                                                                              \
#name, case_##name                                                                         \
    }
#define CASES(...)                                                                                 \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const struct check_case cases[] = {__VA_ARGS__};                                    \
        return check_main(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);                    \
    }

#define CHECK(cond) ((cond) ? (void)0 : check_fail(__FILE__, __LINE__, "%s", #cond))
/* Waits for another thread or process to make it true; fails after CHECK_PATIENCE_MS. Nothing else
 * in a unit test waits (test_house_tests). */
#define CHECK_UNTIL(cond)                                                                          \
    do {                                                                                           \
        for (int n_waits = 0; !(cond); n_waits++)                                                  \
            check_wait(__FILE__, __LINE__, #cond, n_waits);                                        \
    } while (0)
#define CHECK_INT(a, b) check_int(__FILE__, __LINE__, #a " == " #b, (long long)(a), (long long)(b))
/* NUL-terminated texts */
#define CHECK_TEXT(a, b) check_text(__FILE__, __LINE__, #a " == " #b, (a), (b))
#define CHECK_BYTES(a, n, b, m) check_bytes(__FILE__, __LINE__, #a " == " #b, (a), (n), (b), (m))

enum { CHECK_PATIENCE_MS = 20000 };

/* argv[1]: run only this case */
int check_main(const struct check_case *cases, size_t n_cases, int argc, char **argv);
_Noreturn void check_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void check_wait(const char *file, int line, const char *what, int n_waits);
/* real time that the case is about: never a wait for something to happen */
void check_take_us(unsigned us, const char *why);
/* ends the case: what it needs is not on this machine. Shown, and no pass */
_Noreturn void check_skip(const char *why);
void check_int(const char *file, int line, const char *what, long long a, long long b);
void check_text(const char *file, int line, const char *what, const char *a, const char *b);
void check_bytes(const char *file, int line, const char *what, const void *a, size_t n,
                 const void *b, size_t m);
/* Descriptors a library opens once a process and never closes (libuv: 2 for its signal pipe). */
void check_allow_fds(int n);
/* A file below tests/ (HYPHAD_TESTS), whole, NUL-terminated; the caller frees it. Fails the case
 * when unreadable. */
char *check_read(const char *path, size_t *ret_len);
