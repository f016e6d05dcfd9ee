/* apply: from what was given to typed fields, lowest source first. The config room's own. */
#pragma once
#include "config/book.h"
#include "config/report.h"

void apply_defaults(struct config *c);
/* Reads every given, also those that lose: a wrong value is wrong wherever it stands. */
void apply_givens(struct config *c, struct report *report);
