/* leave: by then another connection may have the address; a generation tells them apart. */
#include "peer/leave.h"

#include <string.h>

#include "base/memory.h"
#include "loop/loop.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/workspace_lifecycle.h"
#include "router/router.h"

struct leave_mail {
    struct mail mail;
    struct hub *hub;
    uint64_t generation;
    size_t id_len;
    char id[];
};

static void run_leave(struct loop *l, struct mail *mail)
{
    struct leave_mail *m = CONTAINER_OF(mail, struct leave_mail, mail);
    struct hub *h = m->hub;
    struct client *c = client_find_any(&h->registry, slice_make(m->id, m->id_len));

    if (c && c->generation == m->generation) {
        (void)router_unbind(h->router, l, slice_of(c->full_id), route_here(c->handle));
        hub_client_leave(h, c);
        event_client(h, c, "client_disconnected");
        router_tell_gone(h->router, l, slice_of(c->full_id));
        struct workspace *w = client_remove(&h->registry, c);
        if (w)
            workspace_client_left(h, w);
    }
    mem_free(m);
}

void leave_tell(struct hub *h, struct loop *from, struct slice full_id, uint64_t generation)
{
    struct leave_mail *m = mem_new(sizeof(*m) + full_id.len);

    *m = (struct leave_mail){{NULL, run_leave}, h, generation, full_id.len};
    memcpy(m->id, full_id.ptr, full_id.len);
    loop_post(from, h->loop, &m->mail);
}
