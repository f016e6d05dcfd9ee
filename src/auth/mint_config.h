/* mint_config: the TokenConfig of generate_token, checked once into a type; and refusals with a
 * class and a text. */
#pragma once
#include <stdint.h>

#include "auth/permission.h"
#include "auth/scope.h"
#include "base/slice.h"

enum { MINT_OK, MINT_REFUSED };

struct mint_error {
    /* ValidationError, ValueError, AssertionError, PermissionError, RuntimeError */
    const char *class_name;
    char text[512];
};

/* TokenConfig, checked. Texts are owned. */
struct mint_config {
    char *workspace; /* the target; "*" or a workspace id */
    enum permission permission;
    int64_t life_s;
    struct scope extras; /* extra scopes only */
    char *client_id;     /* or NULL */
    char *email;         /* override, or NULL */
};
enum { MINT_LIFE_DEFAULT_S = 3600, MINT_EXTRAS_MAX = 64, MINT_EXTRAS_BYTES_MAX = 4096 };
/* The longest that may be asked for: a hundred years, far from the end of the numbers, beyond any
 * use. */
#define MINT_LIFE_MAX_S ((int64_t)100 * 366 * 24 * 3600)

/* map: one encoded value; absent or nil means all defaults. context_workspace is the target when
 * none is named. On MINT_REFUSED *ret is empty. */
MUST_CHECK int mint_config_read(struct slice map, struct slice context_workspace,
                                struct mint_config *ret, struct mint_error *ret_error);
void mint_config_deinit(struct mint_config *c);
/* Always MINT_REFUSED. class_name is borrowed for good. */
int mint_refuse(struct mint_error *ret_error, const char *class_name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
