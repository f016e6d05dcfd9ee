/* greeting: what a freshly admitted peer is told, and the stamp its frames will carry. */
#pragma once

#include "base/slice.h"

struct peer;

void greeting_stamp(struct peer *p);        /* from p->user, ->workspace, ->full_id */
void greeting_send(struct peer *p);         /* connection_info */
void greeting_refuse(struct peer *p, struct slice text);    /* the error a refused client is told */
/* A reconnection token for this peer: caller frees; NULL when memory is exhausted. */
char *greeting_reconnection_token(const struct peer *p);
