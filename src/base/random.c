/* random: getrandom(2) in batches per thread would save system calls, but identifiers are not made on the hot path. */
#include "base/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
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
    uint8_t bytes[32];      /* as many as the kernel gives for the price of one block */
    size_t n_bytes = 0, n_out = 0;

    while (n_out < RANDOM_ID_LEN) {
        if (n_bytes == 0) {
            random_bytes(bytes, sizeof(bytes));
            n_bytes = sizeof(bytes);
        }
        /* 248 is the largest multiple of 62 that fits a byte: taking the rest too would favour some letters. */
        uint8_t b = bytes[--n_bytes];
        if (b < 248)
            out[n_out++] = letters[b % 62];
    }
    out[RANDOM_ID_LEN] = '\0';
}

void random_name(char out[RANDOM_NAME_MAX])
{
    static const char *const first[16] = {"amber", "brave", "calm", "clever", "eager", "fair", "gentle", "happy",
                                          "keen", "lucky", "merry", "noble", "quick", "quiet", "sunny", "wise"};
    static const char *const second[16] = {"badger", "crane", "dolphin", "falcon", "heron", "ibis", "lynx", "marten",
                                           "newt", "otter", "owl", "panda", "raven", "seal", "swift", "tern"};
    uint64_t word[2];

    random_bytes(word, sizeof(word));
    snprintf(out, RANDOM_NAME_MAX, "%s-%s-%08u%020llu", first[word[1] & 15], second[(word[1] >> 4) & 15],
             (unsigned)((word[1] >> 32) % 100000000u), (unsigned long long)word[0]);
}
