/* Recorded traffic of the original server and its clients (tests/wire): what every frame must
 * survive. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/memory.h"
#include "harness/check.h"
#include "harness/payer.h"
#include "wire/json.h"
#include "wire/mp.h"
#include "wire/rpc_header.h"

static const char *const recordings[] = {
    "array.js-0.21.40",        "array.py-0.21.46",        "callback.js-0.20.61",
    "callback.js-0.21.40",     "callback.py-0.21.46",     "connect-call.js-0.20.61",
    "connect-call.js-0.21.40", "connect-call.py-0.21.46", "deadpeer.js-0.21.40",
    "deadpeer.py-0.21.46",     "disconnect.js-0.21.40",   "disconnect.py-0.21.46",
    "error.js-0.20.61",        "error.js-0.21.40",        "error.py-0.21.46",
    "events.js-0.21.40",       "events.py-0.21.46",       "generator.js-0.21.40",
    "generator.py-0.21.46",    "http.js-0.21.40",         "http.py-0.21.46",
    "reconnect.js-0.21.40",    "reconnect.py-0.21.46",    "token.js-0.21.40",
    "token.py-0.21.46",
};
static const struct rpc_header_caps caps = {65536, 32, 1024};

struct record {
    struct slice kind, text; /* text empty for frames */
    struct slice frame;      /* empty for texts */
    bool is_from_client;
};

typedef void record_fn(const struct record *r);

static uint8_t nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void frame_of(struct slice hex, struct buf *out)
{
    for (size_t i = 0; i + 1 < hex.len; i += 2)
        buf_add_byte(out, (uint8_t)(nibble(hex.ptr[i]) << 4 | nibble(hex.ptr[i + 1])));
}

/* Chunks of the HTTP stream begin with four bytes of length, and control messages, which only that
 * transport sends as MessagePack, have no `to`. */
static void each_record(struct slice line, record_fn *fn)
{
    struct buf row, frame;
    struct slice in, v, hex = {NULL, 0}, dir;
    struct record r = {{NULL, 0}, {NULL, 0}, {NULL, 0}, false};

    buf_init(&row, 0);
    buf_init(&frame, 0);
    CHECK_INT(json_to_mp(line, &row, NULL), JSON_OK);
    in = buf_slice(&row);
    CHECK(mp_take(&in, 4, &v) == MP_OK && in.len == 0);
    CHECK(mp_find_str(v, "kind", &r.kind) && mp_find_str(v, "dir", &dir));
    r.is_from_client = slice_is(dir, "c2s");
    (void)mp_find_str(v, "text", &r.text);
    if (mp_find_str(v, "hex", &hex)) {
        frame_of(hex, &frame);
        r.frame = buf_slice(&frame);
        if (slice_is(r.kind, "http-chunk"))
            r.frame = slice_from(r.frame, 4);
    }
    fn(&r);
    buf_deinit(&row);
    buf_deinit(&frame);
}

static void each_recording(record_fn *fn)
{
    for (size_t i = 0; i < ARRAY_LEN(recordings); i++) {
        char path[100];
        size_t len, n = 0;
        snprintf(path, sizeof(path), "wire/%s.jsonl", recordings[i]);
        char *bytes = check_read(path, &len);
        struct slice rest = slice_make(bytes, len), line;
        while (slice_cut(rest, '\n', &line, &rest)) {
            each_record(line, fn);
            n++;
        }
        CHECK(n > 2 && rest.len == 0);
        free(bytes);
    }
}

static bool is_routed(const struct record *r, struct rpc_header *ret)
{
    int outcome = rpc_header_peek(r->frame, &caps, ret);

    CHECK(outcome == RPC_HEADER_OK ||
          (outcome == RPC_HEADER_NO_TO && slice_starts(r->kind, "http-")));
    return outcome == RPC_HEADER_OK;
}

/* The pairs of `map` except those the hub answers for, as they were. */
static void kept_pairs(struct slice map, struct buf *out)
{
    static const char *const ours[] = {"to", "from", "ws", "user", "ctx"};
    struct mp_iter it;
    struct slice key, value, text;

    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &key, &value)) {
        bool is_ours = false;
        CHECK(mp_get_str(key, &text));
        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
            is_ours = is_ours || slice_is(text, ours[i]);
        if (is_ours)
            continue;
        buf_add_slice(out, key);
        buf_add_slice(out, value);
    }
}

static void check_splice(const struct record *r)
{
    struct rpc_header h;
    struct rpc_sender_header stamp = {SLICE_LIT("\xa2ws\xa1w\xa4"
                                                "from\xa3w/c\xa4user\x80"),
                                      3};
    struct buf before, after;
    struct slice in, map, text;

    if (!r->frame.len || !is_routed(r, &h))
        return;
    struct msg *m = rpc_header_splice(&h, SLICE_LIT("ws-target/somebody"), &stamp, true, payer());
    CHECK(m != NULL);
    in = msg_head_slice(m);
    CHECK(mp_take(&in, MP_MAX_DEPTH, &map) == MP_OK);
    CHECK_BYTES(in.ptr, in.len, h.tail.ptr, h.tail.len);
    CHECK(mp_find_str(map, "to", &text) && slice_is(text, "ws-target/somebody"));
    CHECK(mp_find_str(map, "from", &text) && slice_is(text, "w/c"));
    buf_init(&before, 0);
    buf_init(&after, 0);
    kept_pairs(h.map, &before);
    kept_pairs(map, &after);
    CHECK_BYTES(after.ptr, after.len, before.ptr, before.len);
    CHECK_INT(mp_count(map), mp_count(h.map) - h.n_dropped + 4);
    buf_deinit(&before);
    buf_deinit(&after);
    msg_unref(m);
}

/* Part of W-030 to W-032; the scenes prove the whole. */
CASE(frames_are_spliced_and_nothing_else_changes)
{
    each_recording(check_splice);
}

static void emit(struct slice v, struct buf *out)
{
    struct mp_iter it;
    struct slice key, value;
    bool is_true;
    uint64_t u;
    int64_t i;
    double d;

    mp_iter_init(&it, v);
    switch (mp_kind(v)) {
    case MP_ARRAY:
        mp_add_array(out, mp_count(v));
        while (mp_iter_next(&it, &value))
            emit(value, out);
        return;
    case MP_MAP:
        mp_add_map(out, mp_count(v));
        while (mp_iter_pair(&it, &key, &value)) {
            emit(key, out);
            emit(value, out);
        }
        return;
    case MP_NIL:
        mp_add_nil(out);
        return;
    case MP_BOOL:
        CHECK(mp_get_bool(v, &is_true));
        mp_add_bool(out, is_true);
        return;
    case MP_INT:
        if (mp_get_uint64(v, &u)) {
            mp_add_uint(out, u);
        } else {
            CHECK(mp_get_int(v, &i));
            mp_add_int(out, i);
        }
        return;
    case MP_FLOAT:
        CHECK(mp_get_num(v, &d));
        mp_add_float(out, d);
        return;
    case MP_STR:
        CHECK(mp_get_str(v, &value));
        mp_add_str(out, value);
        return;
    case MP_BIN:
        CHECK(mp_get_bin(v, &value));
        mp_add_bin(out, value);
        return;
    case MP_EXT:
        mp_add_raw(out, v);
    }
}

static void check_emitted(const struct record *r)
{
    struct slice rest = r->frame, v;
    struct buf out;

    buf_init(&out, 0);
    while (rest.len) {
        CHECK_INT(mp_take(&rest, MP_MAX_DEPTH, &v), MP_OK);
        emit(v, &out);
    }
    CHECK_BYTES(out.ptr, out.len, r->frame.ptr, r->frame.len);
    buf_deinit(&out);
}

CASE(frames_read_and_written_again_are_the_same)
{
    each_recording(check_emitted);
}

/* Every cut of a small frame; of a large one those around its ends and every 97th. The copy is
 * exact, so that a sanitizer sees a read past the cut. */
static void check_cuts(const struct record *r)
{
    struct rpc_header h, whole;

    if (!r->frame.len || !is_routed(r, &whole))
        return;
    for (size_t n = 0; n < r->frame.len; n++) {
        if (r->frame.len > 1000 && n > 300 && n + 50 < r->frame.len && n % 97)
            continue;
        char *bytes = malloc(n ? n : 1);
        CHECK(bytes != NULL);
        memcpy(bytes, r->frame.ptr, n);
        struct slice cut = slice_make(bytes, n), in = cut, v;
        int outcome = rpc_header_peek(cut, &caps, &h);
        if (n < whole.map.len) {
            CHECK_INT(outcome, RPC_HEADER_BAD);
            CHECK_INT(mp_take(&in, MP_MAX_DEPTH, &v), MP_MORE);
        } else {
            CHECK(outcome == RPC_HEADER_OK && h.map.len == whole.map.len &&
                  h.tail.len == n - whole.map.len);
            CHECK_INT(rpc_tail_check(h.tail, true), h.tail.len ? RPC_TAIL_BAD : RPC_TAIL_OK);
        }
        mem_free(bytes);
    }
}

/* Part of W-036; the scenes prove the whole. */
CASE(a_cut_frame_is_never_taken_for_a_whole_one)
{
    each_recording(check_cuts);
}

static void check_tail(const struct record *r)
{
    struct rpc_header h;

    if (!r->is_from_client || !r->frame.len || !is_routed(r, &h))
        return;
    CHECK_INT(rpc_tail_check(h.tail, slice_is(h.type, "method")), RPC_TAIL_OK);
}

/* Part of W-033; the scenes prove the whole. */
CASE(no_real_client_is_refused)
{
    each_recording(check_tail);
}

static void check_json(const struct record *r)
{
    struct buf mp, text, again;
    struct slice in, v;

    if (!r->text.len || !slice_is(r->kind, "text"))
        return;
    buf_init(&mp, 0);
    buf_init(&text, 0);
    buf_init(&again, 0);
    CHECK_INT(json_to_mp(r->text, &mp, NULL), JSON_OK);
    in = buf_slice(&mp);
    CHECK(mp_take(&in, JSON_MAX_DEPTH, &v) == MP_OK && in.len == 0);
    CHECK_INT(json_from_mp(v, &text), JSON_OK);
    CHECK_INT(json_to_mp(buf_slice(&text), &again, NULL), JSON_OK);
    CHECK_BYTES(again.ptr, again.len, mp.ptr, mp.len);
    buf_deinit(&mp);
    buf_deinit(&text);
    buf_deinit(&again);
}

CASE(texts_survive_the_journey)
{
    each_recording(check_json);
}

CASES(RUN(frames_are_spliced_and_nothing_else_changes),
      RUN(frames_read_and_written_again_are_the_same),
      RUN(a_cut_frame_is_never_taken_for_a_whole_one), RUN(no_real_client_is_refused),
      RUN(texts_survive_the_journey))
