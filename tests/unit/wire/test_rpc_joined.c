/* What comes in chunks obeys the rules of what comes whole, wherever it is cut. req: S-74 */
#include "wire/rpc_joined.h"

#include "base/buf.h"
#include "base/memory.h"
#include "harness/check.h"
#include "unit/wire/dice.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"

static int feed_in_pieces(struct slice frame, size_t n_bytes, bool *ret_is_whole)
{
    struct rpc_joined j;
    int r = RPC_JOINED_OK;

    rpc_joined_init(&j);
    for (struct slice rest = frame; rest.len && r == RPC_JOINED_OK;
         rest = slice_from(rest, n_bytes))
        r = rpc_joined_feed(&j, slice_to(rest, n_bytes));
    *ret_is_whole = rpc_joined_is_whole(&j);
    return r;
}

static bool is_taken(struct slice frame, size_t n_bytes)
{
    bool is_whole;

    return feed_in_pieces(frame, n_bytes, &is_whole) == RPC_JOINED_OK && is_whole;
}

static void add_pair(struct buf *b, const char *key, const char *value)
{
    mp_add_text(b, key);
    mp_add_text(b, value);
}

static void add_call(struct buf *b)
{
    mp_add_map(b, 4);
    add_pair(b, "type", "method");
    add_pair(b, "to", "ws-a/bob");
    add_pair(b, "method", "S1.resolve");
    mp_add_text(b, "a key that is longer than all that are known to anybody");
    mp_add_array(b, 2);
    mp_add_map(b, 1);
    add_pair(b, "deep", "deeper");
    mp_add_nil(b);
}

static void add_payload(struct buf *b, size_t n_bytes)
{
    char *bytes = mem_new(n_bytes + 1);

    mp_add_map(b, 3);
    mp_add_text(b, "args");
    mp_add_array(b, 3);
    mp_add_bin(b, slice_make(bytes, n_bytes));
    mp_add_map(b, 0);
    mp_add_array(b, 1);
    mp_add_float(b, 1.5);
    mp_add_text(b, "with_kwargs");
    mp_add_bool(b, false);
    add_pair(b, "promise", "*");
    mem_free(bytes);
}

CASE(a_call_is_taken_wherever_it_is_cut)
{
    struct buf b;
    bool is_whole;

    buf_init(&b, 0);
    add_call(&b);
    size_t map_len = b.len;
    CHECK(is_taken(buf_slice(&b), 1));
    add_payload(&b, 70000);
    for (size_t n = 1; n < 80; n++)
        CHECK(is_taken(buf_slice(&b), n));
    CHECK(is_taken(buf_slice(&b), 4096) && is_taken(buf_slice(&b), b.len));
    for (size_t len = 1; len < b.len; len += len < 300 || len > 70200 ? 1 : 997) {
        CHECK_INT(feed_in_pieces(slice_to(buf_slice(&b), len), 7, &is_whole), RPC_JOINED_OK);
        CHECK_INT(is_whole, len == map_len);
    }
    buf_deinit(&b);
}

CASE(the_payload_says_nothing_the_hub_vouches_for)
{
    static const char *const keys[] = {"ctx",    "from",    "ws",     "user", "to",    "type",
                                       "method", "session", "parent", "",     "argsx", "kwargs"};
    struct buf b;
    bool is_whole;

    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        buf_clear(&b);
        add_call(&b);
        mp_add_map(&b, 2);
        add_pair(&b, "promise", "*");
        add_pair(&b, keys[i], "x");
        for (size_t n = 1; n < 12; n++)
            CHECK_INT(feed_in_pieces(buf_slice(&b), n, &is_whole), RPC_JOINED_FORBIDDEN);
    }
    buf_deinit(&b);
}

CASE(what_is_no_call_is_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
        int outcome;
    } rows[] = {
#define ROW(text, outcome) {text, sizeof(text) - 1, outcome}
        ROW("\x81\xa4type\xb3"
            "client_disconnected",
            RPC_JOINED_FORBIDDEN),
        ROW("\x81\xa4type\xa0", RPC_JOINED_FORBIDDEN),
        ROW("\x81\xa4type\x91\xa6method", RPC_JOINED_FORBIDDEN),
        ROW("\x81\xa4type\xc4\x06method", RPC_JOINED_FORBIDDEN),
        ROW("\x82\xa4type\xa6method\xa4type\xa6method", RPC_JOINED_BAD),
        ROW("\x82\xa4type\xa6method\xa6method\xad"
            "S1.resolve._x",
            RPC_JOINED_FORBIDDEN),
        ROW("\x82\xa4type\xa6method\xa6method\x01", RPC_JOINED_FORBIDDEN),
        ROW("\x81\xa1x\x01", RPC_JOINED_BAD),
        ROW("\x80", RPC_JOINED_BAD),
        ROW("\x90", RPC_JOINED_BAD),
        ROW("\xc1", RPC_JOINED_BAD),
        ROW("\x81\x01\x01", RPC_JOINED_BAD),
        ROW("\x81\xa4type\xa6method\x92\x92\xa4type\x01\x90", RPC_JOINED_BAD),
        ROW("\x81\xa4type\xa6method\x80\x80", RPC_JOINED_BAD),
        ROW("\x81\xa4type\xa6method\x81\xa1t\x01\x80", RPC_JOINED_BAD),
        ROW("\x81\xa4type\xa6method\x81\xc4\x01t\x01", RPC_JOINED_BAD),
#undef ROW
    };
    bool is_whole;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t n = 1; n < 4; n++)
            CHECK_INT(feed_in_pieces(slice_make(rows[i].bytes, rows[i].len), n, &is_whole),
                      rows[i].outcome);
}

/* The same question asked of the whole frame, by other readers. */
static bool is_sound(struct slice frame)
{
    struct slice rest = frame, map, key, value, text, k;
    struct mp_iter it;
    unsigned n_types = 0;
    bool ok = true;

    if (mp_take(&rest, MP_MAX_DEPTH, &map) != MP_OK || !mp_is(map, MP_MAP))
        return false;
    mp_iter_init(&it, map);
    while (ok && mp_iter_pair(&it, &key, &value)) {
        ok = mp_get_str(key, &k);
        if (ok && slice_is(k, "type"))
            ok = ++n_types == 1 && mp_get_str(value, &text) && slice_is(text, "method");
        else if (ok && slice_is(k, "method"))
            ok = mp_get_str(value, &text) && !rpc_method_reaches_inside(text);
    }
    return ok && n_types == 1 && rpc_tail_check(rest, true) == RPC_TAIL_OK;
}

CASE(spoiled_frames_are_judged_as_whole_ones_are)
{
    struct dice d = {0x5eed};
    struct buf b;
    unsigned n_taken = 0;

    buf_init(&b, 0);
    for (int round = 0; round < 40000; round++) {
        buf_clear(&b);
        add_call(&b);
        if (dice_below(&d, 3))
            add_payload(&b, dice_below(&d, 20));
        for (uint32_t n = dice_below(&d, 3); n; n--)
            b.ptr[dice_below(&d, (uint32_t)b.len)] = (char)dice_next(&d);
        b.len -= dice_below(&d, 8) ? 0 : dice_below(&d, 6);
        bool expected = is_sound(buf_slice(&b));
        CHECK_INT(is_taken(buf_slice(&b), 1 + dice_below(&d, 40)), expected);
        n_taken += expected;
    }
    CHECK(n_taken > 4000 && n_taken < 39000);
    buf_deinit(&b);
}

/* What stands behind a routing map, of a frame that comes little by little; what both find wrong
 * with it may differ. */
CASE(a_tail_is_judged_as_a_whole_one_is)
{
    static const char *const keys[] = {"ctx",    "from",    "ws",     "user", "to", "type",
                                       "method", "session", "parent", "args", "x",  "t"};
    struct dice d = {0x7a11};
    struct buf b;

    buf_init(&b, 0);
    for (int round = 0; round < 20000; round++) {
        struct rpc_joined j;
        uint32_t n_keys = dice_below(&d, 4), n_bytes = 1 + dice_below(&d, 30);
        bool is_method = dice_below(&d, 2);
        int r = RPC_JOINED_OK;
        buf_clear(&b);
        mp_add_map(&b, n_keys);
        for (uint32_t i = 0; i < n_keys; i++)
            add_pair(&b, keys[dice_below(&d, ARRAY_LEN(keys))], "x");
        if (!dice_below(&d, 3))
            b.ptr[dice_below(&d, (uint32_t)b.len)] = (char)dice_next(&d);
        b.len -= dice_below(&d, 6) ? 0 : dice_below(&d, (uint32_t)b.len);
        rpc_joined_init_tail(&j, is_method);
        for (struct slice rest = buf_slice(&b); rest.len && r == RPC_JOINED_OK;
             rest = slice_from(rest, n_bytes))
            r = rpc_joined_feed(&j, slice_to(rest, n_bytes));
        int whole = rpc_tail_check(buf_slice(&b), is_method);
        CHECK_INT(r == RPC_JOINED_OK && rpc_joined_is_whole(&j), whole == RPC_TAIL_OK);
        CHECK(whole != RPC_TAIL_FORBIDDEN || r == RPC_JOINED_FORBIDDEN);
    }
    buf_deinit(&b);
}

CASES(RUN(a_tail_is_judged_as_a_whole_one_is), RUN(a_call_is_taken_wherever_it_is_cut),
      RUN(the_payload_says_nothing_the_hub_vouches_for), RUN(what_is_no_call_is_refused),
      RUN(spoiled_frames_are_judged_as_whole_ones_are))
