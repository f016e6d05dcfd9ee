/* load_page: the report of a run as one HTML file that needs nothing else: figures, and plots in
 * inline SVG of latency, throughput over time, and memory over connections. */
#pragma once

#include "load/run.h"

/* 0, or -errno; after run_finish */
int page_write(const struct run *r, const char *scenario);
