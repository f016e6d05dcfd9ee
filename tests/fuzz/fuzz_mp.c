/* Any bytes as a value: all readers agree on it, and whatever is made of it is a value again. */
#include "fuzz/fuzz.h"
#include "wire/json.h"
#include "wire/mp_head.h"
#include "wire/rpc_value.h"

static void walk(struct slice v, size_t *budget)
{
    struct mp_iter it;
    struct slice key, value, text;
    int64_t i;
    uint64_t u;
    double d;
    bool is_true;

    if (!*budget)
        return;
    --*budget;
    (void)(mp_get_int(v, &i) + mp_get_uint64(v, &u) + mp_get_num(v, &d) + mp_get_bool(v, &is_true));
    (void)(mp_get_str(v, &text) + mp_get_bin(v, &text));
    mp_iter_init(&it, v);
    if (mp_is(v, MP_MAP)) {
        while (mp_iter_pair(&it, &key, &value)) {
            walk(key, budget);
            walk(value, budget);
        }
    } else if (mp_is(v, MP_ARRAY)) {
        while (mp_iter_next(&it, &value))
            walk(value, budget);
    }
}

static void check_expanded(struct slice v)
{
    struct buf once, twice;
    struct slice in, expanded;

    buf_init(&once, 0);
    buf_init(&twice, 0);
    rpc_value_expand(v, SLICE_LIT("ws-a"), &once);
    in = buf_slice(&once);
    ASSERT(mp_take(&in, MP_MAX_DEPTH, &expanded) == MP_OK && in.len == 0);
    rpc_value_expand(expanded, SLICE_LIT("ws-b"), &twice);
    ASSERT(slice_eq(buf_slice(&once), buf_slice(&twice)));
    ASSERT(rpc_value_has_method(v) == rpc_value_has_method(expanded));
    if (!rpc_value_has_method(v))
        ASSERT(slice_eq(v, expanded));
    buf_deinit(&once);
    buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct slice in = slice_make(bytes, n_bytes), same = in, v, w;
    int outcome = mp_take(&in, MP_MAX_DEPTH, &v);
    int skipped = mp_skip(&same, &w);
    size_t budget = 10000;
    struct buf text;
    struct rpc_promise promise;

    ASSERT(outcome == skipped || outcome == MP_DEEP || (outcome == MP_MORE && skipped == MP_BAD) ||
           (outcome == MP_BAD && skipped == MP_MORE));
    if (outcome != MP_OK)
        return 0;
    ASSERT(slice_eq(v, w) && in.len == same.len);
    walk(v, &budget);
    check_expanded(v);
    rpc_promise_read(v, v, &promise);
    buf_init(&text, 0);
    if (json_from_mp(v, &text) == JSON_OK)
        ASSERT(slice_is_utf8(buf_slice(&text)) && text.len > 0);
    buf_deinit(&text);
    return 0;
}
