/* refresh: how often is told by one number for a peer, the second from which it has all of its
 * burst again. */
#include "peer/refresh.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/memory.h"
#include "peer/welcome.h"
#include "peer/peer.h"
#include "wire/json.h"

/* A token somebody waits for. The peer may be gone when it is its turn. */
struct refresh {
    struct list link;
    struct handle peer;
};

static void send_new_token(struct peer *p)
{
    char *token = welcome_reconnection_token(p);
    SCRATCH_BUF(b, 0);

    if (!token)
        return;
    buf_add_text(&b, "{\"type\":\"reconnection_token\",\"reconnection_token\":");
    json_add_text(&b, slice_of(token));
    buf_add_byte(&b, '}');
    p->via->send_text(p, buf_slice(&b));
    mem_free(token);
}

static struct peer *refresh_take(struct peer_loop *pl)
{
    struct refresh *r = LIST_ENTRY(pl->refreshes.next, struct refresh, link);
    struct peer *p = peer_find(pl->loop, r->peer);

    list_unlink(&r->link);
    mem_free(r);
    return p && p->state == PEER_OPEN ? p : NULL;
}

static void refresh_go_through(struct deferred *d)
{
    struct peer_loop *pl = CONTAINER_OF(d, struct peer_loop, refresh);

    while (!list_is_empty(&pl->refreshes)) {
        struct peer *p = refresh_take(pl);
        if (p)
            send_new_token(p);
        if (loop_is_late(pl->loop))
            break;
    }
    if (!list_is_empty(&pl->refreshes))
        loop_again(pl->loop, d);
}

void refresh_init(struct peer_loop *pl)
{
    list_init(&pl->refreshes);
    list_init(&pl->refresh.link);
    pl->refresh.run = refresh_go_through;
}

void refresh_deinit(struct peer_loop *pl)
{
    while (!list_is_empty(&pl->refreshes)) {
        struct refresh *r = LIST_ENTRY(pl->refreshes.next, struct refresh, link);
        list_unlink(&r->link);
        mem_free(r);
    }
    list_unlink(&pl->refresh.link);
}

/* Counts one. False: the next one is due in *ret_after_s. */
static bool refresh_is_due(struct peer *p, uint32_t *ret_after_s)
{
    uint32_t now = (uint32_t)(loop_now_ms(p->pl->loop) / 1000),
             spare = (REFRESH_BURST - 1) * REFRESH_EVERY_S;
    uint32_t whole_at = p->refresh_whole_s > now ? p->refresh_whole_s : now;

    if (whole_at - now > spare) {
        *ret_after_s = whole_at - now - spare;
        return false;
    }
    p->refresh_whole_s = whole_at + REFRESH_EVERY_S;
    return true;
}

void refresh_ask(struct peer *p)
{
    struct peer_loop *pl = p->pl;
    uint32_t after_s;

    if (!refresh_is_due(p, &after_s)) {
        char text[96];
        int n = snprintf(text, sizeof(text),
                         "Too many new reconnection tokens asked for, try again in %u s", after_s);
        loop_count(pl->loop, METRIC_REFRESHES_REFUSED, 1);
        welcome_refuse(p, slice_make(text, (size_t)n));
        return;
    }
    if (list_is_empty(&pl->refreshes) && !loop_is_late(pl->loop)) {
        send_new_token(p);
        return;
    }
    struct refresh *r = MEM_NEW(struct refresh);
    r->peer = p->endpoint.handle;
    list_init(&r->link);
    list_link(&pl->refreshes, &r->link);
    loop_again(pl->loop, &pl->refresh);
}
