/* A frame as a client may send it. When it can be routed, what is forwarded must be routable too,
 * carry the hub's values and the same payload. */
#include "fuzz/fuzz.h"
#include "harness/payer.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"

static const struct rpc_header_caps caps = {65536, 32, 1024};

static void check_forwarded(const struct rpc_header *h)
{
    struct rpc_sender_header stamp = {SLICE_LIT("\xa2ws\xa1w\xa4"
                                                "from\xa3w/c\xa4user\x80"),
                                      3};
    struct rpc_header again;
    struct slice text, map;
    struct msg *m = rpc_header_splice(h, h->to, &stamp, true, payer());

    ASSERT(m);
    struct slice frame = msg_head_slice(m);
    struct rpc_header_caps wider = {caps.max_bytes + 100, caps.max_depth, RPC_HEADER_MAX_PAIRS};
    if (h->n_pairs + 4 <= RPC_HEADER_MAX_PAIRS) {
        ASSERT(rpc_header_peek(frame, &wider, &again) == RPC_HEADER_OK);
        ASSERT(again.n_pairs == h->n_pairs - h->n_dropped + 4 && again.n_dropped == 4);
        ASSERT(slice_eq(again.to, h->to) && slice_eq(again.session, h->session) &&
               slice_eq(again.tail, h->tail));
        ASSERT(slice_is(again.from, "w/c"));
    }
    ASSERT(mp_take(&frame, MP_MAX_DEPTH, &map) == MP_OK);
    ASSERT(mp_find_str(map, "ws", &text) && slice_is(text, "w"));
    msg_unref(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct slice frame = slice_make(bytes, n_bytes), in = frame, map;
    struct rpc_header h;
    int outcome = rpc_header_peek(frame, &caps, &h);

    if (outcome != RPC_HEADER_OK)
        return 0;
    ASSERT(mp_take(&in, 32, &map) == MP_OK && slice_eq(map, h.map) && slice_eq(in, h.tail));
    check_forwarded(&h);
    if (rpc_tail_check(h.tail, slice_is(h.type, "method")) == RPC_TAIL_OK && h.tail.len) {
        struct slice v, forged;
        if (mp_take(&in, MP_MAX_DEPTH, &v) == MP_OK)
            ASSERT(in.len == 0 && !mp_find(v, "from", &forged) && !mp_find(v, "user", &forged) &&
                   !mp_find(v, "ctx", &forged));
    }
    return 0;
}
