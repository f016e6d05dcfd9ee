/* environment: defaults that depend on the machine and on where the process was started. The
 * config room's own. */
#pragma once
#include "config/option_metadata.h"

void environment_read(struct config_metadata *metadata, char **envp);
/* Gives words and fields to the options whose default is worked out: threads, data-dir,
 * process-bytes, max-connections, web-client-dir. Those given by the operator are left alone.
 * After all sources were applied. */
void environment_fill(struct config *c);
