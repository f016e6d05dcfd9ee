/* greeting: what a freshly admitted peer is told, and the stamp its frames will carry. (wire-protocol 1.10, 2.5) */
#pragma once

struct peer;

void greeting_stamp(struct peer *p);        /* from p->user, ->workspace, ->full_id */
void greeting_send(struct peer *p);         /* connection_info */
