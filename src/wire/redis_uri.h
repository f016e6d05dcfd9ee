/* redis_uri: where a Redis is. redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:///PATH[?db=DB];
 * user and password percent-encoded. Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct redis_uri {
    char *host; /* owned; NULL: path */
    uint16_t port;
    char *path;            /* owned; NULL: host and port */
    char *user, *password; /* owned; NULL: none */
    unsigned database;
};

/* TLS: rediss://, which nothing here speaks */
enum { REDIS_URI_OK, REDIS_URI_TLS, REDIS_URI_BAD };

/* *ret is to be deinited whatever the outcome. */
int redis_uri_parse(struct slice text, struct redis_uri *ret);
void redis_uri_deinit(struct redis_uri *u);
