/* reconnect: clients that lost their server come back with the reconnection tokens it gave them.
 * The restart is a command of the caller, which returns when the new process takes connections;
 * time counts from there to the last client that is ready, and with --service that means: whose
 * built-in service is registered again. */
#include "load/scenarios.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs the command to its first line; its process id becomes the server's. */
static int restart_server(struct run *r)
{
    char line[64] = "";
    FILE *f = r->opt.restart_command ? popen(r->opt.restart_command, "re") : NULL;
    if (!f) {
        run_error(r, "reconnect needs --restart");
        return -EINVAL;
    }
    bool has_line = fgets(line, sizeof(line), f) != NULL;
    (void)pclose(f);
    r->opt.pid = has_line ? atoi(line) : 0;
    if (r->opt.pid <= 0) {
        run_error(r, "the restart command did not print a process id");
        return -EINVAL;
    }
    return 0;
}

static int lose_and_return(struct run *r, struct crowd *cr)
{
    for (unsigned i = 0; i < cr->n; i++) {
        cr->clients[i].is_leaving = true;
    }
    int e = restart_server(r);
    if (e < 0) {
        return e;
    }
    (void)run_until(r, &cr->is_empty, 10);
    crowd_close(cr);
    crowd_reset(cr);
    run_measure_begin(r);
    e = crowd_open(cr, 60 + cr->n / 20.0);
    run_measure_end(r);
    run_figure(r, "clients", "", cr->n_ready);
    run_figure(r, "seconds_to_last", "s", r->measured_seconds);
    return e;
}

int scenario_reconnect(struct run *r)
{
    struct crowd cr;
    struct crowd helper;
    int e = crowd_prepare(&cr, &helper, r, r->opt.connections);
    cr.keep_tokens = true;
    cr.with_service = r->opt.with_service;
    if (e == 0) {
        e = crowd_open(&cr, 60 + cr.n / 20.0);
    }
    if (helper.n) {
        helper.clients[0].is_leaving = true;
    }
    if (e == 0) {
        e = lose_and_return(r, &cr);
    }
    crowd_close_both(&cr, &helper);
    return e;
}
