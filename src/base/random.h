/* random: bytes of the operating system's generator, and the identifiers made of them. Any thread. */
#pragma once
#include <stddef.h>

enum { RANDOM_ID_LEN = 22 };        /* 22 of 62 letters: 130 bits (wire-protocol 3.2) */

void random_bytes(void *out, size_t n_bytes);               /* never fails: aborts if the kernel has none */
void random_id(char out[RANDOM_ID_LEN + 1]);                /* letters and digits, NUL-terminated */
/* A readable id "word-word-<digits>" that still carries at least 96 random bits (workspaces 3.5, D-29). */
enum { RANDOM_NAME_MAX = 64 };
void random_name(char out[RANDOM_NAME_MAX]);
