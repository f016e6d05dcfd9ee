/* cross_checks: what depends on more than one value, or on this build. The
 * config room's own. */
#pragma once
#include "config/option_metadata.h"
#include "config/report.h"

/* Refusals and notices of options that are given, also when the report has errors, which the
 * operator is to hear of in the same round; fields worked out of others, and what values say
 * together, only when it has none. After environment_fill. */
void cross_check(struct config *c, struct report *report);
