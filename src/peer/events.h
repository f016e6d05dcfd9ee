/* events: what the hub tells the members of a workspace who subscribed. Hub loop. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

struct client;
struct hub;
struct service;
struct workspace;

/* {"type":event,"to":"*","data":data} to the subscribers of a workspace. data: one encoded
 * value. */
void event_send(struct hub *h, struct slice workspace, const char *event, struct slice data);
/* client_connected and client_updated carry the full id, client_disconnected the short one (clients
 * rely on both). */
void event_client(struct hub *h, const struct client *c, const char *event);
/* service_added, service_removed: the stored map; without its schema when the frame would pass 256
 * KiB. */
void event_service(struct hub *h, struct slice workspace, const char *event, struct slice info);
void event_workspace(struct hub *h, struct slice to_workspace, const struct workspace *w,
                     const char *event);

/* Whether that is, to the letter, the name of a frame that clients obey because only the hub sends
 * it: its events, what it tells one client about calls and connections, and the control maps of
 * HTTP streams. Any thread. */
bool event_is_reserved(struct slice type);
/* Whether it is one of the events a workspace is told, which anybody may subscribe to. Any
 * thread. */
bool event_is_announced(struct slice type);
