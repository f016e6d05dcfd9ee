/* backup: a copy of the database file, while a server uses it or not. Blocks: for a command, not
 * for a loop. (docs/OPERATIONS.md) */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"

enum { BACKUP_OK, BACKUP_EXISTS, BACKUP_FAILED };
enum { BACKUP_ERROR_MAX = 512 };

/* Writes the state of one moment to the file `to` (0600), checked page by page and on the disk when
 * this returns. The name `to` appears only then; what stood there is replaced when `replaces`, else
 * BACKUP_EXISTS. ret_error names file and reason. */
MUST_CHECK int backup_run(const char *from, const char *to, bool replaces, int64_t *ret_bytes,
                          char ret_error[BACKUP_ERROR_MAX]);
