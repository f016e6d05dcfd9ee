/* scenarios: what the load program can do to a server. Each opens its own connections, measures,
 * closes them, and leaves its figures in the run. Returns 0, or negative after run_error. */
#pragma once

#include "load/load_client.h"

int scenario_call(struct run *r);
int scenario_echo(struct run *r);
int scenario_nats(struct run *r);
int scenario_connect(struct run *r);
int scenario_idle(struct run *r);
int scenario_reconnect(struct run *r);
int scenario_fanout(struct run *r);
int scenario_large(struct run *r);
int scenario_dead(struct run *r);
int scenario_http(struct run *r);
int scenario_registry(struct run *r);
int scenario_mixed(struct run *r);
int scenario_flood(struct run *r);

/* Opens n clients that share workspaces; `helper` is the client that asked for tokens when there
 * is no secret. Both crowds are to be closed by crowd_close_both whatever this returns. */
int crowd_open_authorized(struct crowd *cr, struct crowd *helper, struct run *r, unsigned n);
/* The same without opening cr. */
int crowd_prepare(struct crowd *cr, struct crowd *helper, struct run *r, unsigned n);
void crowd_close_both(struct crowd *cr, struct crowd *helper);
