/* pid_file: the file of --pid-file. It is locked as long as the server runs, so a file that was
 * left behind by a crash is told from that of a running server, and `hyphad stop` signals no other
 * process. Main thread. */
#pragma once
#include <stdbool.h>

#include "base/assert.h"

struct pid_file {
    const char *path; /* borrowed */
    int fd;           /* -1: there is none */
};

/* path NULL: none is asked for. False: the reason is logged. */
MUST_CHECK bool pid_file_open(const char *path, struct pid_file *ret);
void pid_file_close(struct pid_file *p); /* removes it */
