/* admin_port: --admin-listen: health and figures for who watches the server, on an address of its
 * own. Its connections have places of their own, so that no crowd of clients keeps a probe out.
 * Main thread, but for what its connections do on the loops. */
#pragma once
#include <stdbool.h>

struct admin_port;
struct listener;
struct loop;
struct server;

/* Does nothing without the option. False: the error is logged. */
bool admin_port_bind(struct server *s);
void admin_port_wire(struct server *s); /* loops and api are there */
/* loops have ended, and are there still */
void admin_port_unwire(struct server *s);
void admin_port_free(struct server *s);
struct listener *admin_port_listener(const struct server *s); /* NULL when there is none */
void admin_port_stop_listening(struct server *s);
const char *admin_port_url(const struct server *s);           /* NULL when there is none */
void admin_port_close_idle(struct server *s, struct loop *l); /* loop thread */
