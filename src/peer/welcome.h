/* welcome: what a freshly admitted peer is told, and the sender header its frames will carry. */
#pragma once

#include "base/slice.h"

struct peer;

/* from p->user, ->workspace, ->full_id */
void welcome_set_sender_header(struct peer *p);
void welcome_send(struct peer *p); /* connection_info */
/* the error a refused client is told */
void welcome_refuse(struct peer *p, struct slice text);
/* A reconnection token for this peer: caller frees; NULL when memory is exhausted. */
char *welcome_reconnection_token(const struct peer *p);
