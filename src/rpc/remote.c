/* remote: the table of clients a loop's hosts have business with. An entry is made by the first
 * call, wait or upload and goes with the last one: the table is as large as what is under way.
 * Loop-owned. */
#include "rpc/remote.h"

#include "base/account.h"
#include "base/memory.h"
#include "rpc/host.h"

struct remote *remote_find(struct rpc_loop *rl, struct slice address)
{
    return map_find(&rl->remotes, address);
}

struct remote *remote_get(struct rpc_loop *rl, struct slice address)
{
    struct remote *r = remote_find(rl, address);

    if (r)
        return r;
    r = mem_new(sizeof(*r) + address.len + 1);
    memcpy(r->text, address.ptr, address.len);
    r->rl = rl;
    r->address = slice_make(r->text, address.len);
    list_init(&r->calls);
    list_init(&r->waits);
    list_init(&r->uploads);
    map_put(&rl->remotes, r->address, r);
    /* as many as calls, waits and uploads, which are paid for */
    account_keep_always(rl->loop->own, mem_taken(r));
    return r;
}

void remote_drop(struct remote *r)
{
    if (!r || !list_is_empty(&r->calls) || !list_is_empty(&r->waits) || !list_is_empty(&r->uploads))
        return;
    map_take(&r->rl->remotes, r->address);
    account_drop(r->rl->loop->own, mem_taken(r));
    mem_free(r);
}
