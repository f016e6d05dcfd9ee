/* endpoint: whatever can be addressed, on its own loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/msg.h"
#include "base/slice.h"
#include "loop/loop.h"

struct endpoint;

struct endpoint_ops {
    /* A message for this endpoint; takes over the reference. Detaches nothing and calls nobody
     * back: whoever sends goes on with what it has. Loop thread of the endpoint. */
    void (*deliver)(struct endpoint *e, struct msg *m);
    /* Its account has no room for an answer it is owed. refusal says so and is charged to the
     * server (NULL: not even that); takes over the reference. NULL: it is delivered. */
    void (*overdrawn)(struct endpoint *e, struct msg *refusal);
    /* Whether a broadcast of this type should be delivered. NULL: never. */
    bool (*wants)(struct endpoint *e, struct slice type);
};

/* Embedded in whatever can be addressed: a peer, a virtual client. Owned by its loop. */
struct endpoint {
    const struct endpoint_ops *ops;
    struct loop *loop;
    struct handle handle; /* valid from router_attach to router_detach */
    /* fanout's own: which broadcasts were under way when it joined */
    uint32_t joined;
    /* among the endpoints of one workspace on this loop; unlinked = gets no broadcasts */
    struct list member;
    /* the workspace joined, owned by the router's table; NULL = none */
    char *member_key;
};
