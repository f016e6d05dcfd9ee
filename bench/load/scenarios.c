/* The table of scenarios and what their beginnings have in common. */
#include "load/scenarios.h"

const struct scenario SCENARIOS[] = {
    {"call", "pairs of clients; method calls and their answers through the hub", scenario_call},
    {"echo", "the same frames through the bare relay", scenario_echo},
    {"nats", "the same payload as requests through nats-server over WebSocket", scenario_nats},
    {"connect", "logins: upgrade, token, connection_info", scenario_connect},
    {"idle", "memory per connected client that does nothing", scenario_idle},
    {"reconnect", "everyone comes back after a restart, by reconnection token", scenario_reconnect},
    {"fanout", "one event to every client of a workspace", scenario_fanout},
    {"large", "payloads in chunks, as the published clients cut them", scenario_large},
    {"dead", "time to the error for a call to a client that is gone", scenario_dead},
    {"registry", "get_service, register_service, list_services of many", scenario_registry},
    {"mixed", "a blend of actions from a profile", scenario_mixed},
    {"flood", "one client sends as fast as it can: the noise beside another run", scenario_flood},
    {"http", "GET requests on keep-alive connections: a path, or a service", scenario_http},
    {0},
};

int crowd_prepare(struct crowd *cr, struct crowd *helper, struct run *r, unsigned n)
{
    crowd_init(helper, r, r->opt.jwt_secret ? 0 : 1);
    crowd_init(cr, r, n);
    int e = crowd_open(helper, 60);
    return e < 0 ? e : crowd_authorize(cr, helper->clients);
}

int crowd_open_authorized(struct crowd *cr, struct crowd *helper, struct run *r, unsigned n)
{
    int e = crowd_prepare(cr, helper, r, n);
    return e < 0 ? e : crowd_open(cr, 60 + n / 20.0);
}

void crowd_close_both(struct crowd *cr, struct crowd *helper)
{
    crowd_close(cr);
    crowd_close(helper);
    crowd_deinit(cr);
    crowd_deinit(helper);
}
