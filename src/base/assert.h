/* assert: invariants of ours that stay checked in release builds, and the small vocabulary every
 * file uses. */
#pragma once
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
/* worth it where constant arguments fold */
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* For our own mistakes only, never for input: prints the place and aborts (exit status 134). */
#define ASSERT(cond) ((cond) ? (void)0 : assert_fail(#cond, __FILE__, __LINE__, __func__))

_Noreturn void assert_fail(const char *cond, const char *file, int line, const char *func);
