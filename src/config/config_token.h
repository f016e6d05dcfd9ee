/* config_token: the options of hyphad generate-token. The config room's own. */
#pragma once
#include "config/arena.h"
#include "config/config.h"
#include "config/report.h"

void token_init(struct config_token_request *request);
/* Looks at argv[0] (argv ends with NULL): how many words belong to an option of generate-token,
 * 0 when none. */
int token_take(struct config_token_request *request, char **argv, struct arena *arena,
               struct report *report);
