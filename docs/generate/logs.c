/* logs: prints docs/LOGS.md from the table that defines the lines. */
#include <stdio.h>

#include "base/buf.h"
#include "base/log_event.h"

int main(void)
{
    struct buf b;

    buf_init(&b, 0);
    buf_add_text(&b, "# Log lines\n\nWhat the log tells of those who come and go, of refusals and of what an operator did, from `src/*/log_events.def`\n"
                     "(`./dev docs` writes this page). A line holds these fields and no others, in this order, behind `ts`, `level`, `subj` and\n"
                     "`msg`; one that comes more often than `--log-rate` is left out and counted: `repeats_dropped` stands on the next one, or on\n"
                     "a line `lines left out` of the same subject when none follows. [OPERATIONS.md](OPERATIONS.md#logs) shows some.\n\n");
    log_events_document(&b);
    fwrite(b.ptr, 1, b.len, stdout);
    buf_deinit(&b);
    return 0;
}
