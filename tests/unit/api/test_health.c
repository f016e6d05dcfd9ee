/* What probes hear follows the server's own phase: it is told to nobody, so nothing can be told
 * late. */
#include "unit/api/desk.h"

static void check_phase(struct desk *d, enum server_phase phase, unsigned status, const char *piece)
{
    atomic_store(&d->phase, (int)phase);
    desk_check(d, "/health/readiness", "", status, piece);
}

CASE(readiness_is_the_phase_of_the_server)
{
    struct desk d;

    desk_init(&d);
    d.h.k.t.config.store = "memory";
    check_phase(&d, SERVER_STARTING, 503, "Store is not ready");
    check_phase(&d, SERVER_READY, 200, "\"status\":\"OK\"");
    check_phase(&d, SERVER_DRAINING, 503, "Server is shutting down");
    check_phase(&d, SERVER_FAILED, 503, "\"status\":\"DOWN\"");
    desk_deinit(&d);
}

CASES(RUN(readiness_is_the_phase_of_the_server))
