/* cross: what depends on more than one value, or on this build (configuration 4.5, 4.6). The
 * config room's own. */
#pragma once
#include "config/book.h"
#include "config/report.h"

/* Fields worked out of others; notices of options without effect; refusals. After
 * surroundings_fill. */
void cross_check(struct config *c, struct report *report);
