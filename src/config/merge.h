/* merge: from what was given to typed fields, lowest source first. The config room's own. */
#pragma once
#include "config/option_metadata.h"
#include "config/report.h"

void merge_defaults(struct config *c);
/* Reads every given, also those that lose: a wrong value is wrong wherever it stands. */
void merge_raw_options(struct config *c, struct report *report);
