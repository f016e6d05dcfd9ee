/* load: the part of loading that a reload does again. The config room's own. */
#pragma once
#include "config/option_metadata.h"
#include "config/report.h"

struct config *load_new(void); /* empty, with its book */
/* Reads the files that the book's givens name, all values, and checks the set. */
void load_build(struct config *c, struct report *report);
