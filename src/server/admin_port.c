/* admin_port: a second listener with a site of a few rows. It takes part in everything the main one
 * does: a drain closes its connections last, since it answers probes until then.
 *
 * Its seats are a reserve (net/shares.h): whoever sits there gives way to the next one at any
 * moment but that in which a request is answered, those of the newcomer's own address first. So no
 * number of silent, slow or unread connections keeps a probe out. */
#include "server/admin_port.h"

#include "base/buf.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/http_conn.h"
#include "http/serve.h"
#include "net/listener.h"
#include "net/shares.h"
#include "server/features.h"
#include "server/wiring.h"

enum {
    N_SEATS = 64, /* connections of probes and scrapers */
    BODY_MAX = 4096,
};

struct admin_port {
    struct shares *shares;
    struct listener *listener; /* NULL once it is closed */
    char *url;                 /* owned */
    struct http_site site;     /* const after wiring */
    struct http_loop *loops;   /* one per loop, owned; NULL before wiring */
};

static void admin_port_on_socket(struct loop *loop, int fd, struct seat *seat, void *arg)
{
    struct admin_port *a = arg;

    http_serve(&a->loops[loop->index], fd, seat);
}

bool admin_port_bind(struct server *s)
{
    const struct config *c = s->config;
    char host[CONFIG_HOST_MAX];
    uint16_t port;

    if (!c->admin_listen)
        return true;
    struct admin_port *a = s->admin_port = MEM_NEW(struct admin_port);
    a->shares = shares_new(&(struct shares_options){.loops = &s->loops,
                                                    .n_loops = c->threads,
                                                    /* the least there may be */
                                                    .n_places = 1,
                                                    .share_percent = 100,
                                                    .n_reserve = N_SEATS - 1});
    struct listener_options options = {.loops = &s->loops,
                                       .shares = a->shares,
                                       .metrics = &s->metrics,
                                       .backlog = (int)c->backlog,
                                       .on_socket = admin_port_on_socket,
                                       .arg = a};
    config_split_listen(c->admin_listen, host, &port);
    if (!server_listen(&options, host, port, &a->listener, &port))
        return false;
    a->url = server_url_of(host, port, "");
    return true;
}

void admin_port_wire(struct server *s)
{
    struct admin_port *a = s->admin_port;

    if (!a)
        return;
    a->site = (struct http_site){
        .base_path = "", .account = s->own, .on_done = features_on_done, .arg = &s->features};
    a->site.routes = features_routes(&s->features, true);
    server_set_site(&a->site, s->config);
    a->site.trusted = NULL;
    a->site.is_reserved = true;
    a->site.caps.body_bytes =
        a->site.caps.body_bytes < BODY_MAX ? a->site.caps.body_bytes : BODY_MAX;
    a->loops = mem_new(s->loops.n_loops * sizeof(*a->loops));
    for (unsigned i = 0; i < s->loops.n_loops; i++)
        http_loop_init(&a->loops[i], &s->loops.loops[i], &a->site);
    shares_pay(a->shares, s->process);
}

void admin_port_unwire(struct server *s)
{
    for (unsigned i = 0; s->admin_port && i < s->loops.n_loops; i++)
        http_loop_deinit(&s->admin_port->loops[i]);
}

void admin_port_free(struct server *s)
{
    struct admin_port *a = s->admin_port;

    if (!a)
        return;
    admin_port_stop_listening(s);
    shares_free(a->shares);
    mem_free(a->loops);
    mem_free((void *)(uintptr_t)a->site.routes.routes);
    mem_free(a->url);
    s->admin_port = mem_free(a);
}

struct listener *admin_port_listener(const struct server *s)
{
    return s->admin_port ? s->admin_port->listener : NULL;
}

void admin_port_stop_listening(struct server *s)
{
    if (s->admin_port)
        s->admin_port->listener = listener_close(s->admin_port->listener);
}

const char *admin_port_url(const struct server *s)
{
    return s->admin_port ? s->admin_port->url : NULL;
}

void admin_port_close_idle(struct server *s, struct loop *l)
{
    if (s->admin_port)
        http_loop_close_idle(&s->admin_port->loops[l->index]);
}
