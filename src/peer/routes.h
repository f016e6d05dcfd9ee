/* routes: the paths by which clients connect. */
#pragma once
#include "http/routes.h"

struct peer_loop;

enum { PEER_N_ROUTES = 3 };
/* loops: array by loop index; outlives the routes. */
void peer_routes(struct peer_loop *loops, struct http_route out[PEER_N_ROUTES]);
