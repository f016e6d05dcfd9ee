/* rpc_tail: the one look at segment 2 a router must take. Clients merge its keys over the trusted
 * context, so a key the hub vouches for would be forged there. Only the top level is compared;
 * everything below is stepped over head by head, to any depth and without a stack. Any thread. */
#include "wire/mp_head.h"
#include "wire/rpc_header.h"

bool rpc_tail_is_payload_key(struct slice k)
{
    switch (k.len) {
    case 1:
        return k.ptr[0] == 't';
    case 4:
        return memcmp(k.ptr, "args", 4) == 0 || memcmp(k.ptr, "_enc", 4) == 0 ||
               memcmp(k.ptr, "data", 4) == 0;
    case 7:
        return memcmp(k.ptr, "promise", 7) == 0;
    case 11:
        return memcmp(k.ptr, "with_kwargs", 11) == 0;
    default:
        return false;
    }
}

/* No path that was ever handed out has such a part. Paths into services are looked up whole. */
bool rpc_method_reaches_inside(struct slice path)
{
    struct slice part, rest = path;
    bool is_more = !slice_starts(path, "services.");

    while (is_more) {
        is_more = slice_cut(rest, '.', &part, &rest);
        if (!is_more)
            part = rest;
        if ((part.len && part.ptr[0] == '_') || slice_is(part, "constructor"))
            return true;
    }
    return false;
}

int rpc_tail_check(struct slice tail, bool is_method)
{
    struct mp_head head;
    struct slice in, key, value, text;
    bool is_forbidden = false;

    if (!tail.len)
        return RPC_TAIL_OK;
    if (mp_head_read((const uint8_t *)tail.ptr, tail.len, &head) != MP_OK || head.kind != MP_MAP)
        return RPC_TAIL_BAD;
    in = slice_from(tail, head.head_len);
    for (uint64_t n = head.n_inside / 2; n; n--) {
        if (!mp_take_short_str(&in, &text) &&
            (mp_skip(&in, &key) != MP_OK || !mp_get_str(key, &text)))
            return RPC_TAIL_BAD;
        if (mp_skip(&in, &value) != MP_OK)
            return RPC_TAIL_BAD;
        is_forbidden = is_forbidden || (is_method ? !rpc_tail_is_payload_key(text)
                                                  : rpc_header_is_routing_key(text));
    }
    if (in.len)
        return RPC_TAIL_BAD;
    return is_forbidden ? RPC_TAIL_FORBIDDEN : RPC_TAIL_OK;
}
