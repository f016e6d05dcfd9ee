/* mint_config: refusals with a class and a text. The auth room's own. */
#pragma once
#include "auth/mint.h"

/* Always MINT_REFUSED. class_name is borrowed for good. */
int mint_refuse(struct mint_error *ret_error, const char *class_name, const char *fmt, ...) PRINTF_LIKE(3, 4);
