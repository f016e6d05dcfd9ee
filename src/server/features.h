/* features: the services the hub offers beside its manager, one room each. This file is the only
 * place that lists them. Hub loop. */
#pragma once

struct server;

void features_open(struct server *s);  /* after manager_new() */
void features_drain(struct server *s); /* the server is about to stop: calls that wait are settled */
void features_close(struct server *s); /* before manager_free(); harmless when not open */
