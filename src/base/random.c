/* random: the only reader of getrandom(2), which a simulation replaces (tests/harness/sim.h).
 * Batches per thread would save system calls, but identifiers are not made on the hot path. */
#include "base/random.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

#include "base/assert.h"

void random_bytes(void *out, size_t n_bytes)
{
    char *at = out;

    while (n_bytes) {
        ssize_t n = getrandom(at, n_bytes, 0);
        if (n < 0 && errno == EINTR)
            continue;
        ASSERT(n > 0);
        at += n;
        n_bytes -= (size_t)n;
    }
}

void random_id(char out[RANDOM_ID_LEN + 1])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t bytes[32]; /* as many as the kernel gives for the price of one block */
    size_t n_bytes = 0, n_out = 0;

    while (n_out < RANDOM_ID_LEN) {
        if (n_bytes == 0) {
            random_bytes(bytes, sizeof(bytes));
            n_bytes = sizeof(bytes);
        }
        /* 248 is the largest multiple of 62 that fits a byte: taking the rest too would favour some
         * letters. */
        uint8_t b = bytes[--n_bytes];
        if (b < 248)
            out[n_out++] = letters[b % 62];
    }
    out[RANDOM_ID_LEN] = '\0';
}

void random_name(char out[RANDOM_NAME_MAX])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    unsigned __int128 number = 0;

    random_bytes(&number, 12);
    for (size_t i = RANDOM_NAME_LEN; i-- > 0; number /= 36)
        out[i] = digits[(size_t)(number % 36)];
    ASSERT(number == 0);
    out[RANDOM_NAME_LEN] = '\0';
}
