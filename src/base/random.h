/* random: bytes of the operating system's generator, and the identifiers made of them. Any
 * thread. */
#pragma once
#include <stddef.h>

enum { RANDOM_ID_LEN = 22 }; /* 22 of 62 letters: 130 bits */

/* never fails: aborts if the kernel has none */
void random_bytes(void *out, size_t n_bytes);
/* letters and digits, NUL-terminated */
void random_id(char out[RANDOM_ID_LEN + 1]);
/* An id that people and workspaces may be called by: 96 random bits in small letters and digits.
 * Short, because ids stand several times in the envelope of every chunk, and some clients have room
 * for 1,024 bytes of it. */
enum { RANDOM_NAME_LEN = 19, RANDOM_NAME_MAX = RANDOM_NAME_LEN + 1 };
void random_name(char out[RANDOM_NAME_MAX]);
