#include "wire/rpc_header.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "harness/check.h"
#include "harness/payer.h"
#include "wire/mp.h"

static const struct rpc_header_caps caps = {65536, 32, 1024};

/* A frame from alternating texts; a value starting with '\1' is taken as encoded MessagePack behind
 * that byte. */
static void frame_build(struct buf *b, const char *const *texts, size_t n_pairs)
{
    buf_clear(b);
    mp_add_map(b, (uint32_t)n_pairs);
    for (size_t i = 0; i < 2 * n_pairs; i++) {
        if (texts[i][0] == '\1')
            buf_add_text(b, texts[i] + 1);
        else
            mp_add_text(b, texts[i]);
    }
}

static int peek(struct buf *b, struct rpc_header *ret)
{
    return rpc_header_peek(buf_slice(b), &caps, ret);
}

CASE(the_keys_of_a_call_are_found)
{
    static const char *const call[] = {
        "type",         "method",  "from", "liar",   "to", "ws-b/bob", "method",
        "services.s.f", "session", "S1",   "parent", "P1", "x",        "y"};
    struct buf b;
    struct rpc_header h;

    buf_init(&b, 0);
    frame_build(&b, call, 7);
    size_t map_len = b.len;
    buf_add_text(&b, "\x80");
    CHECK_INT(peek(&b, &h), RPC_HEADER_OK);
    CHECK(slice_is(h.type, "method") && slice_is(h.to, "ws-b/bob") &&
          slice_is(h.method, "services.s.f"));
    CHECK(slice_is(h.session, "S1") && slice_is(h.parent, "P1") && slice_is(h.from, "liar"));
    CHECK(h.map.len == map_len && h.tail.len == 1 && h.n_pairs == 7 && h.n_dropped == 2);
    CHECK(h.dropped[0].at == 1 + 5 + 7 && h.dropped[0].len == 5 + 5);
    buf_deinit(&b);
}

/* Part of W-036; the scenes prove the whole. */
CASE(what_cannot_be_routed_has_a_name)
{
    static const struct {
        const char *texts[8];
        size_t n_pairs;
        int outcome;
        const char *session;
    } rows[] = {
        {{"type", "method", "session", "S"}, 2, RPC_HEADER_NO_TO, "S"},
        {{"to", "\1\xc0", "session", "S"}, 2, RPC_HEADER_NO_TO, "S"},
        {{"to", "\1\x07", "session", "S"}, 2, RPC_HEADER_BAD, "S"},
        {{"to", "a", "session", "\1\x07"}, 2, RPC_HEADER_BAD, NULL},
        {{"to", "a", "method", "\1\x90"}, 2, RPC_HEADER_BAD, NULL},
        {{"to", "a", "\1\x07", "b"}, 2, RPC_HEADER_BAD_KEY, NULL},
        {{"to", "a", "\1\xc4\x01k", "b"}, 2, RPC_HEADER_BAD_KEY, NULL},
        {{"to", "a", "to", "b"}, 2, RPC_HEADER_DUPLICATE, NULL},
        {{"to", "a", "\1\xd9\x02to", "b", "session", "S"}, 3, RPC_HEADER_DUPLICATE, "S"},
        {{"to", "a", "x", "b", "x", "c"}, 3, RPC_HEADER_DUPLICATE, NULL},
        {{"to", "a", "ctx", "b", "ctx", "c"}, 3, RPC_HEADER_DUPLICATE, NULL},
        {{"to", "a", "session", "\1\xc0", "from", "\1\x07"}, 3, RPC_HEADER_OK, NULL},
    };
    struct buf b;

    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rpc_header h;
        frame_build(&b, rows[i].texts, rows[i].n_pairs);
        CHECK_INT(peek(&b, &h), rows[i].outcome);
        CHECK(slice_eq(h.session, slice_of(rows[i].session)));
    }
    buf_deinit(&b);
}

CASE(what_is_no_map_is_bad)
{
    static const char *const bad[] = {"",       "\xc1", "\x07",       "\x93\x01\x02\x03",
                                      "\xa2to", "\x81", "\x81\xa2to", "\x81\xa2to\xa3zy",
                                      "GET /"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct rpc_header h;
        CHECK_INT(rpc_header_peek(slice_of(bad[i]), &caps, &h), RPC_HEADER_BAD);
    }
}

CASE(caps_are_kept)
{
    struct buf b;
    struct rpc_header h;
    struct rpc_header_caps small = {64, 4, 3};

    buf_init(&b, 0);
    frame_build(&b, (const char *const[]){"to", "a", "x", "\1\x91\x91\x91\x01"}, 2);
    CHECK_INT(rpc_header_peek(buf_slice(&b), &small, &h), RPC_HEADER_OK);
    frame_build(&b, (const char *const[]){"to", "a", "x", "\1\x91\x91\x91\x91\x01"}, 2);
    CHECK_INT(rpc_header_peek(buf_slice(&b), &small, &h), RPC_HEADER_TOO_BIG);
    frame_build(&b, (const char *const[]){"to", "a", "b", "b", "c", "c", "d", "d"}, 4);
    CHECK_INT(rpc_header_peek(buf_slice(&b), &small, &h), RPC_HEADER_TOO_BIG);
    char longer[80] = {0};
    memset(longer, 'x', 70);
    frame_build(&b, (const char *const[]){"to", "a", "b", longer}, 2);
    CHECK_INT(rpc_header_peek(buf_slice(&b), &small, &h), RPC_HEADER_TOO_BIG);
    frame_build(&b, (const char *const[]){"to", "a"}, 1);
    buf_add_text(&b, longer); /* the cap is on the map, not on what follows */
    CHECK_INT(rpc_header_peek(buf_slice(&b), &small, &h), RPC_HEADER_OK);
    buf_clear(&b);
    mp_add_map(&b, RPC_HEADER_MAX_PAIRS + 1);
    struct rpc_header_caps wide = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
    CHECK_INT(rpc_header_peek(buf_slice(&b), &wide, &h), RPC_HEADER_TOO_BIG);
    buf_deinit(&b);
}

CASE(many_keys_are_compared_too)
{
    struct buf b;
    struct rpc_header h;

    buf_init(&b, 0);
    for (int is_twice = 0; is_twice < 2; is_twice++) {
        buf_clear(&b);
        mp_add_map(&b, RPC_HEADER_MAX_PAIRS);
        mp_add_text(&b, "to");
        mp_add_text(&b, "a");
        for (int i = 1; i < RPC_HEADER_MAX_PAIRS; i++) {
            char key[16];
            buf_add_fmt(&b, "%c", 0xa8);
            snprintf(key, sizeof(key), "key%05d", is_twice && i == 1023 ? 900 : i);
            buf_add_text(&b, key);
            mp_add_int(&b, i);
        }
        CHECK_INT(peek(&b, &h), is_twice ? RPC_HEADER_DUPLICATE : RPC_HEADER_OK);
    }
    buf_deinit(&b);
}

static void stamp_build(struct buf *b, struct rpc_sender_header *ret)
{
    mp_add_text(b, "ws");
    mp_add_text(b, "ws-a");
    mp_add_text(b, "from");
    mp_add_text(b, "ws-a/alice");
    mp_add_text(b, "user");
    mp_add_map(b, 1);
    mp_add_text(b, "id");
    mp_add_text(b, "u1");
    *ret = (struct rpc_sender_header){buf_slice(b), 3};
}

static struct slice whole(struct slice in)
{
    struct slice v;

    CHECK(mp_take(&in, MP_MAX_DEPTH, &v) == MP_OK);
    return v;
}

/* Part of W-030 to W-033; the scenes prove the whole. */
CASE(what_the_sender_claims_is_replaced)
{
    /* Forged identities around keys whose values no decoder may touch: a float32, an ext, a
     * long-form integer. */
    static const char *const forged[] = {"user", "\1\x81\xa2id\xa4root",
                                         "f",    "\1\xca\x3f\x80\x01\x01",
                                         "ctx",  "\1\x81\xa1x\x01",
                                         "e",    "\1\xd4\xff\x01",
                                         "ws",   "root",
                                         "from", "\1\x07",
                                         "to",   "bob",
                                         "n",    "\1\xcd\x01\x01"};
    struct buf b, pairs;
    struct rpc_header h;
    struct rpc_sender_header stamp;
    struct slice map, v, text;

    buf_init(&b, 0);
    buf_init(&pairs, 0);
    stamp_build(&pairs, &stamp);
    frame_build(&b, forged, 8);
    buf_add(&b,
            "\x81\xa4"
            "args\x90",
            7);
    CHECK_INT(peek(&b, &h), RPC_HEADER_OK);
    CHECK_INT(h.n_dropped, 5);
    struct msg *m = rpc_header_splice(&h, SLICE_LIT("ws-a/bob"), &stamp, true, payer());
    CHECK(m != NULL);
    map = whole(msg_head_slice(m));
    CHECK_INT(mp_count(map), 8 - 5 + 1 + 3);
    CHECK(slice_eq(slice_from(msg_head_slice(m), map.len), SLICE_LIT("\x81\xa4"
                                                                     "args\x90")));
    CHECK(mp_find_str(map, "to", &text) && slice_is(text, "ws-a/bob"));
    CHECK(mp_find_str(map, "from", &text) && slice_is(text, "ws-a/alice"));
    CHECK(mp_find_str(map, "ws", &text) && slice_is(text, "ws-a"));
    CHECK(mp_find(map, "user", &v) && mp_find_str(v, "id", &text) && slice_is(text, "u1"));
    CHECK(!mp_find(map, "ctx", &v));
    CHECK(mp_find(map, "f", &v) && slice_is(v, "\xca\x3f\x80\x01\x01"));
    CHECK(mp_find(map, "e", &v) && slice_is(v, "\xd4\xff\x01"));
    CHECK(mp_find(map, "n", &v) && slice_is(v, "\xcd\x01\x01"));
    msg_unref(m);
    m = rpc_header_splice(&h, SLICE_LIT("ws-a/bob"), &stamp, false, payer());
    CHECK_INT(m->head_len, map.len);
    msg_unref(m);
    buf_deinit(&b);
    buf_deinit(&pairs);
}

CASE(every_length_of_address_and_map)
{
    static const size_t lens[] = {1, 31, 32, 255, 256, 65535, 65536};
    char *to = calloc(1, 65536);
    struct buf b;

    buf_init(&b, 0);
    for (uint32_t n = 1; n < 40; n++) {
        buf_clear(&b);
        buf_add(&b, n % 3 == 0 ? "\xdf\x00\x00\x00" : "\xde\x00", n % 3 == 0 ? 4 : 2);
        buf_add_byte(&b, (uint8_t)n);
        mp_add_text(&b, "to");
        mp_add_text(&b, "a");
        for (uint32_t i = 1; i < n; i++) {
            buf_add_fmt(&b, "%c%02u", 0xa2, i);
            mp_add_int(&b, i);
        }
        for (size_t k = 0; k < ARRAY_LEN(lens); k++) {
            struct rpc_header h;
            struct rpc_sender_header none = {{NULL, 0}, 0};
            struct slice text;
            CHECK_INT(peek(&b, &h), RPC_HEADER_OK);
            struct msg *m = rpc_header_splice(&h, slice_make(to, lens[k]), &none, true, payer());
            struct slice map = whole(msg_head_slice(m));
            CHECK(map.len == m->head_len && mp_count(map) == n);
            CHECK(mp_find_str(map, "to", &text) && text.len == lens[k]);
            msg_unref(m);
        }
    }
    buf_deinit(&b);
    free(to);
}

CASE(a_full_account_refuses)
{
    struct account *a = account_new(NULL, ACCOUNT_PEER, 100);
    struct rpc_sender_header none = {{NULL, 0}, 0};
    char tail[200] = {0};
    struct buf b;
    struct rpc_header h;

    buf_init(&b, 0);
    frame_build(&b, (const char *const[]){"to", "a"}, 1);
    buf_add(&b, tail, sizeof(tail));
    CHECK_INT(peek(&b, &h), RPC_HEADER_OK);
    CHECK(rpc_header_splice(&h, SLICE_LIT("ws/a"), &none, true, a) == NULL);
    CHECK_INT(account_used(a), 0);
    account_unref(a);
    buf_deinit(&b);
}

/* Part of W-033; the scenes prove the whole. */
CASE(keys_that_would_override_are_refused)
{
    static const char *const reserved[] = {"ctx",  "from",   "ws",      "user",  "to",
                                           "type", "method", "session", "parent"};
    static const char *const usual[] = {"args", "with_kwargs", "promise", "t", "_enc", "data"};
    struct buf b;

    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        frame_build(&b, (const char *const[]){"args", "\1\x90", reserved[i], "x"}, 2);
        CHECK_INT(rpc_tail_check(buf_slice(&b), true), RPC_TAIL_FORBIDDEN);
        CHECK_INT(rpc_tail_check(buf_slice(&b), false), RPC_TAIL_FORBIDDEN);
    }
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        frame_build(&b,
                    (const char *const[]){usual[i], "\1\x81\xa4"
                                                    "from\xa4root"},
                    1);
        CHECK_INT(rpc_tail_check(buf_slice(&b), true), RPC_TAIL_OK);
    }
    frame_build(&b, (const char *const[]){"argz", "x"}, 1);
    CHECK_INT(rpc_tail_check(buf_slice(&b), true), RPC_TAIL_FORBIDDEN);
    CHECK_INT(rpc_tail_check(buf_slice(&b), false), RPC_TAIL_OK);
    frame_build(&b,
                (const char *const[]){"\1\xd9\x04"
                                      "from",
                                      "x"},
                1);
    CHECK_INT(rpc_tail_check(buf_slice(&b), false), RPC_TAIL_FORBIDDEN);
    buf_deinit(&b);
}

CASE(tails_are_one_whole_map)
{
    struct buf b;

    CHECK_INT(rpc_tail_check((struct slice){NULL, 0}, true), RPC_TAIL_OK);
    CHECK_INT(rpc_tail_check(SLICE_LIT("\x80"), true), RPC_TAIL_OK);
    CHECK_INT(rpc_tail_check(SLICE_LIT("\x80\x80"), true), RPC_TAIL_BAD);
    CHECK_INT(rpc_tail_check(SLICE_LIT("\x90"), true), RPC_TAIL_BAD);
    CHECK_INT(rpc_tail_check(SLICE_LIT("\x81\xa1t"), true), RPC_TAIL_BAD);
    CHECK_INT(rpc_tail_check(SLICE_LIT("\x81\x01\x02"), false), RPC_TAIL_BAD);
    CHECK_INT(rpc_tail_check(SLICE_LIT("\x81\xa1t\xc1"), false), RPC_TAIL_BAD);
    buf_init(&b, 0);
    mp_add_map(&b, 1);
    mp_add_text(&b, "args");
    for (int i = 0; i < 100000; i++)
        mp_add_array(&b, 1);
    mp_add_nil(&b);
    CHECK_INT(rpc_tail_check(buf_slice(&b), true), RPC_TAIL_OK);
    buf_deinit(&b);
}

CASES(RUN(the_keys_of_a_call_are_found), RUN(what_cannot_be_routed_has_a_name),
      RUN(what_is_no_map_is_bad), RUN(caps_are_kept), RUN(many_keys_are_compared_too),
      RUN(what_the_sender_claims_is_replaced), RUN(every_length_of_address_and_map),
      RUN(a_full_account_refuses), RUN(keys_that_would_override_are_refused),
      RUN(tails_are_one_whole_map))
