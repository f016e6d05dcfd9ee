/* metrics: prints docs/METRICS.md from the table that defines the figures. */
#include <stdio.h>

#include "base/metrics.h"

int main(void)
{
    struct buf b;

    buf_init(&b, 0);
    buf_add_text(&b, "# Metrics\n\nEvery row of `/metrics`, from `src/*/metrics.def` (`./dev docs` writes this page). Counters and gauges are kept per loop\n"
                     "and summed when asked for; no label has values a client chooses. Besides these: `process_resident_memory_bytes`,\n"
                     "`hyphad_charged_bytes`, and its parts `hyphad_under_way_bytes` and `hyphad_kept_bytes`; `hyphad_account_bytes`, by the account that\n"
                     "pays (`own`: the server; `clients`; of these `anonymous` and `http`, of that `strangers`; `door`); `hyphad_account_refusals_total`, by the kind of account that was full;\n"
                     "the other `process_*` figures every Prometheus client has; `client_load_current`, `event_bus_total` and the `redis_*` families of the original,\n"
                     "which are named and have no samples.\n\n");
    metrics_document(&b);
    fwrite(b.ptr, 1, b.len, stdout);
    buf_deinit(&b);
    return 0;
}
