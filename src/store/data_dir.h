/* data_dir: the folder of one server: locked by one process, holding the database, the signing
 * secret and the server id. Called before the loops run. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

enum { DATA_DIR_OK, DATA_DIR_LOCKED, DATA_DIR_FAILED };
enum { DATA_DIR_ERROR_MAX = 512 };

#define DATA_DIR_SECRET "jwt-secret" /* the name of the text that signs tokens */

struct data_dir {
    char *path; /* owned */
    int lock_fd;
    bool is_temporary; /* removed, with all in it, by close */
};

/* path NULL or ":memory:": a temporary folder. Creates it (0700) with its parents. ret_error names
 * folder and reason. */
MUST_CHECK int data_dir_open(const char *path, struct data_dir *ret,
                             char ret_error[DATA_DIR_ERROR_MAX]);
void data_dir_close(struct data_dir *d);
/* A text kept in a file of that name: read, or made by `make` and written (0600, fsync, rename)
 * when absent. NULL on failure. */
char *data_dir_text(struct data_dir *d, const char *name, void (*make)(char *out, size_t room),
                    char ret_error[DATA_DIR_ERROR_MAX]);
/* The text of that file of a folder that another process may have open, or none: nothing is locked,
 * made or written. Owned by the caller; NULL: ret_error names the file and says why. */
char *data_dir_peek(const char *folder, const char *name, char ret_error[DATA_DIR_ERROR_MAX]);
/* "path/name", owned by the caller */
char *data_dir_file(const struct data_dir *d, const char *name);
