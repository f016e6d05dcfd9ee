/* metrics: prints docs/METRICS.md from the tables that define the figures. */
#include <stdio.h>

#include "base/metrics.h"

int main(void)
{
    struct buf b;

    buf_init(&b, 0);
    buf_add_text(&b, "# Metrics\n\nEvery row that `/metrics` prints (`./dev docs` writes this page; a test compares it with a server).\n\n"
                     "## Figures of the loops\n\n"
                     "They stand in `src/*/metrics.def`. Counters and gauges are kept per loop and summed when asked for; no label has\n"
                     "values that a client chooses.\n\n");
    metrics_document(&b);
    buf_add_text(&b, "\n## Figures of the process and of the accounts\n\n"
                     "They stand in `src/api/other_metrics.def`. The label `account` of\n"
                     "`hyphad_account_bytes` is the account that pays: `own` is the server, `clients` all its clients, of these\n"
                     "`anonymous` and `http`, of that `strangers`; `door` is apart. The label of `hyphad_account_refusals_total`\n"
                     "is the kind of account that was full.\n\n"
                     "| metric | type | meaning |\n| --- | --- | --- |\n");
#define FAMILY(id, type, name, help) "| `" name "` | " type " | " help " |\n"
#define ABSENT_FAMILY(type, name)
    buf_add_text(&b,
#include "api/other_metrics.def"
    );
#undef FAMILY
#undef ABSENT_FAMILY
    buf_add_text(&b, "\n## Families of the original without samples\n\n"
                     "Dashboards of the original ask for these. They are named, and have no samples: a zero would say that there is such\n"
                     "a bus.\n\n| metric | type |\n| --- | --- |\n");
#define FAMILY(id, type, name, help)
#define ABSENT_FAMILY(type, name) "| `" name "` | " type " |\n"
    buf_add_text(&b,
#include "api/other_metrics.def"
    );
#undef FAMILY
#undef ABSENT_FAMILY
    fwrite(b.ptr, 1, b.len, stdout);
    buf_deinit(&b);
    return 0;
}
