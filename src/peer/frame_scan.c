/* frame_scan: a frame whose routing map is no good is refused by who looks at that; here it is left
 * alone. */
#include "peer/frame_scan.h"

#include "base/held.h"

struct frame_scan *frame_scan_new(struct account *account)
{
    return held_new(sizeof(struct frame_scan), account);
}

static int frame_scan_outcome_of(int joined)
{
    return joined == RPC_JOINED_OK          ? RPC_TAIL_OK
           : joined == RPC_JOINED_FORBIDDEN ? RPC_TAIL_FORBIDDEN
                                            : RPC_TAIL_BAD;
}

static void frame_scan_begin(struct frame_scan *s, struct slice so_far,
                             const struct rpc_header_caps *caps)
{
    struct rpc_header h;

    s->n_seen = so_far.len;
    if (rpc_header_peek(so_far, caps, &h) != RPC_HEADER_OK) {
        s->outcome = RPC_TAIL_BAD;
        return;
    }
    rpc_joined_init_tail(&s->joined, slice_is(h.type, "method"));
    s->outcome = frame_scan_outcome_of(rpc_joined_feed(&s->joined, h.tail));
}

void frame_scan_feed(struct frame_scan *s, struct slice so_far, const struct rpc_header_caps *caps)
{
    struct slice fresh = slice_from(so_far, s->n_seen);

    if (so_far.len <= caps->max_bytes)
        return;
    if (!s->n_seen) {
        frame_scan_begin(s, so_far, caps);
        return;
    }
    s->n_seen = so_far.len;
    if (s->outcome == RPC_TAIL_OK)
        s->outcome = frame_scan_outcome_of(rpc_joined_feed(&s->joined, fresh));
}

int frame_scan_end(const struct frame_scan *s)
{
    if (s->outcome != RPC_TAIL_OK)
        return s->outcome;
    return rpc_joined_is_whole(&s->joined) ? RPC_TAIL_OK : RPC_TAIL_BAD;
}
