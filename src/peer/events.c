/* events: no from, ws or user in them: nobody speaks but the hub. Events cannot be chunked, hence
 * the bound (W-055). */
#include "peer/events.h"

#include <string.h>

#include "base/buf.h"
#include "hyphad/protocol.h"
#include "peer/hub.h"
#include "router/router.h"
#include "wire/ws_frame.h"
#include "wire/mp.h"
#include "wire/pairs.h"

static bool is_one_of(struct slice type, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_is(type, names[i]))
            return true;
    }
    return false;
}

bool event_is_announced(struct slice type)
{
    static const char *const names[] = {
        "service_added",       "service_removed", "service_updated",    "client_connected",
        "client_disconnected", "client_updated",  "workspace_loaded",   "workspace_deleted",
        "workspace_changed",   "workspace_ready", "workspace_unloaded", "workspace_status_changed"};

    return is_one_of(type, names, ARRAY_LEN(names));
}

/* A client rejects its calls on peer_not_found, leaves for good on force-exit, and one behind an
 * HTTP stream takes another identity from connection_info and reconnection_token in whatever frame
 * they come. */
bool event_is_reserved(struct slice type)
{
    static const char *const names[] = {"peer_not_found", "force-exit", "error", "connection_info",
                                        "reconnection_token"};

    return event_is_announced(type) || is_one_of(type, names, ARRAY_LEN(names));
}

void event_send(struct hub *h, struct slice workspace, const char *event, struct slice data)
{
    SCRATCH_BUF(b, HYPHA_CHUNK_BYTES);

    mp_add_map(&b, 3);
    mp_add_text(&b, "type");
    mp_add_text(&b, event);
    mp_add_text(&b, "to");
    mp_add_text(&b, "*");
    mp_add_text(&b, "data");
    mp_add_raw(&b, data);
    struct msg *m = b.is_failed ? NULL : msg_try_new(b.len, h->events);
    if (m) {
        m->is_hubs = true;
        m->receivers_pay = true;
        memcpy(msg_head(m), b.ptr, b.len);
        ws_seal(m);
        router_broadcast(h->router, h->loop, workspace, slice_of(event), m);
    }
}

void event_client(struct hub *h, const struct client *c, const char *event)
{
    bool is_short = strcmp(event, "client_disconnected") == 0;
    SCRATCH_BUF(b, 0);

    mp_add_map(&b, 3);
    mp_add_text(&b, "id");
    mp_add_str(&b, is_short ? c->id : slice_of(c->full_id));
    mp_add_text(&b, "workspace");
    mp_add_text(&b, c->workspace->id);
    mp_add_text(&b, "client_id");
    mp_add_text(&b, c->full_id);
    event_send(h, slice_of(c->workspace->id), event, buf_slice(&b));
}

void event_service(struct hub *h, struct slice workspace, const char *event, struct slice info)
{
    struct mp_open map;
    SCRATCH_BUF(b, 0);

    if (info.len < HYPHA_CHUNK_BYTES - HYPHA_CHUNK_SLACK) {
        event_send(h, workspace, event, info);
        return;
    }
    mp_open_map(&map, &b);
    pairs_add_others(&map, info, SLICE_LIT("service_schema"));
    mp_close(&map);
    event_send(h, workspace, event, buf_slice(&b));
}

void event_workspace(struct hub *h, struct slice to_workspace, const struct workspace *w,
                     const char *event)
{
    SCRATCH_BUF(b, 0);

    workspace_add_mp(&b, w, false);
    event_send(h, to_workspace, event, buf_slice(&b));
}
