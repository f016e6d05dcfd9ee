/* admin_clients: who is here, and putting them out. */
#include <string.h>

#include "admin/admin_internal.h"
#include "base/memory.h"
#include "hyphad/protocol.h"
#include "manager/cleanup.h"
#include "manager/evict.h"
#include "manager/manager.h"
#include "manager/reply.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

/* A server is there as the client of `public` that carries its services. */
void admin_list_servers(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct admin *)arg)->hub;
    const struct workspace *w = workspace_find(&h->registry, SLICE_LIT("public"));
    struct mp_open list;
    struct buf b;

    buf_init(&b, 0);
    mp_open_array(&list, &b);
    LIST_FOREACH (it, &w->clients) {
        const struct client *c = LIST_ENTRY(it, struct client, link);
        if (!c->is_virtual || !c->built_in)
            continue;
        mp_item(&list);
        mp_add_str(&b, c->id);
    }
    mp_close(&list);
    reply_buf(call, &b);
}

/* ---- kickout_client ---- */

/* What RFC 6455 7.4 lets a server send. */
static bool is_close_code(int64_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static struct client *admin_client_find(struct hub *h, struct slice workspace,
                                        struct slice client_id)
{
    SCRATCH_BUF(id, 0);

    buf_add_slice(&id, workspace);
    buf_add_byte(&id, '/');
    buf_add_slice(&id, client_id);
    struct client *c = client_find(&h->registry, buf_slice(&id));
    return c && !c->is_virtual ? c : NULL;
}

void admin_kickout_client(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct admin *)arg)->hub;
    struct client *c = admin_client_find(h, call_text(call, 0), call_text(call, 1));
    struct slice reason =
        call_has(call, 3) ? call_text(call, 3) : SLICE_LIT("Admin requested disconnect");
    int64_t code = HYPHA_CLOSE_NORMAL;

    (void)mp_get_int(call->args[2], &code);
    if (!is_close_code(code)) {
        rpc_reject(call, "ValueError", "Not a close code: %lld", (long long)code);
    } else if (!slice_is_utf8(reason) || slice_has_byte(reason, '\0')) {
        rpc_reject(call, "ValueError", "The reason must be a text");
    } else if (!c) {
        rpc_reject(call, "AssertionError", "Client not connected");
    } else {
        char *text = mem_copy(reason.ptr, reason.len);
        /* Answered first: an administrator may be meant, too. */
        reply_nil(call);
        client_kick(h, c, (unsigned)code, text);
        mem_free(text);
    }
}

/* ---- cleanup_orphans ---- */

void admin_cleanup_orphans(struct rpc_call *call, void *arg)
{
    manager_cleanup_all(((struct admin *)arg)->manager, call, call->args[0]);
}
