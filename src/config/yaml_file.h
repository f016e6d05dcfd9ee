/* yaml_file: the config file. The only place that knows libyaml. The config
 * room's own. */
#pragma once
#include "config/option_metadata.h"
#include "config/report.h"

void yaml_file_read(struct config *c, const char *path,
                    struct report *report); /* adds to the book's givens */
const char *yaml_file_library(void);        /* its version */
