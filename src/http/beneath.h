/* beneath: opening files below a folder and nowhere else. Blocks: for worker threads. */
#pragma once
#include "base/assert.h"

/* A descriptor for reading the regular file at this relative path, or -errno: ENOENT for whatever
 * is no regular file, and for whatever leads out of the folder: `..`, a symbolic link to elsewhere.
 * A link to another file inside is followed where the system can tell (Linux 5.6), else refused.
 * The caller closes it. */
MUST_CHECK int beneath_open(const char *folder, const char *path);
/* The same without the kernel's help; for tests. */
MUST_CHECK int beneath_open_walking(const char *folder, const char *path);
