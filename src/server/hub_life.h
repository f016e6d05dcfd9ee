/* hub_life: how the hub comes to life from what was kept, and how it is put away. */
#pragma once
#include <stdbool.h>

struct server;

/* main thread, before the loops run: opens the store */
bool hub_life_prepare(struct server *s);
void hub_life_finish(struct server *s); /* main thread, after the loops are joined */
