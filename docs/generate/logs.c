/* logs: prints docs/LOGS.md from the table that defines the lines. */
#include <stdio.h>

#include "base/buf.h"
#include "base/log_event.h"

int main(void)
{
    struct buf b;

    buf_init(&b, 0);
    buf_add_text(&b, "# Log lines\n\nThe lines about clients, refusals and what an operator did (`./dev docs` writes this page from\n"
                     "`src/*/log_events.def`). [OPERATIONS.md](OPERATIONS.md#logs) shows some.\n\n"
                     "## How a line is made\n\n"
                     "A line begins with `ts`, `level`, `subj` and `msg`. The fields of the table follow in this order, and no others.\n"
                     "A line that comes more often than `--log-rate` is left out and counted: `repeats_dropped` stands on the next one,\n"
                     "or on a line `lines left out` of the same subject when none follows.\n\n"
                     "## The lines\n\n");
    log_events_document(&b);
    fwrite(b.ptr, 1, b.len, stdout);
    buf_deinit(&b);
    return 0;
}
