/* redis_format: a command as bytes, by hiredis. Of the files that speak to Redis. */
#pragma once
#include "net/redis_link.h"

/* To be given to redisFreeCommand; NULL when memory is exhausted. */
char *redis_format(const struct redis_command *c, size_t *ret_len);
/* A command of words; the first NULL ends it. Borrows. */
struct redis_command redis_words(const char *a, const char *b, const char *c, const char *d);
