/* config_file: reading small files whole. The config room's own. */
#pragma once
#include "base/buf.h"

enum { FILE_DONE, FILE_TOO_LARGE, FILE_HAS_NUL };

/* 0, -errno, FILE_TOO_LARGE or FILE_HAS_NUL. On 0 the bytes are appended to `out`. Regular files
 * and pipes. */
MUST_CHECK int file_read(const char *path, size_t cap_bytes, struct buf *out);
const char *file_complaint(int r);     /* what went wrong, in words */
bool file_is_public(const char *path); /* readable by everybody */
bool file_is_readable(const char *path);
/* Whether the folder, or else the nearest parent that exists, is a folder that lets us write. */
bool file_is_folder_creatable(const char *path);
