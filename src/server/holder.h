/* holder: which process has a file locked or listens on a port, as far as the kernel tells this
 * user. For errors of a start and for commands: each call reads /proc. Any thread. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct holder {
    pid_t pid;
    char program[32]; /* as the kernel names it; "" when it does not tell */
};

/* The process that has locked this file or folder by flock. False: nobody has, or the kernel does
 * not tell. */
bool holder_of_lock(const char *path, struct holder *ret);
/* A process that listens on this TCP port, on whatever address. False: as above. */
bool holder_of_port(uint16_t port, struct holder *ret);
/* The data folder of the hyphad that listens on this TCP port. False: as above. */
bool holder_folder_of_port(uint16_t port, char ret_path[PATH_MAX]);
/* Whether it runs the same program as the caller. */
bool holder_is_like_us(const struct holder *h);

enum { HOLDER_TEXT_MAX = 96 };
/* " by pid 123 (hyphad)", to stand behind "in use"; "" when `is_known` is false. Returns `text`. */
const char *holder_text(bool is_known, const struct holder *h, char text[HOLDER_TEXT_MAX]);
