/* login_report: the person has logged in, by whatever way. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct login;
struct login_profile;

/* A number, or a text that is one. */
bool login_read_int(struct slice value, int64_t *ret);
/* Completes the session of that key, if there is one: whoever checks it gets the token. False: no
 * such key. The token is known to be good. */
bool login_session_finish(struct login *l, struct slice key, struct slice token,
                          const struct login_profile *profile);
