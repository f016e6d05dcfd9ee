#include "wire/ws_frame.h"

#include <stdlib.h>

#include "harness/check.h"
#include "harness/payer.h"
#include "unit/wire/dice.h"

/* Part of W-028; the scenes prove the whole. */
CASE(heads_are_read_whole_or_not_at_all)
{
    static const uint8_t masked[] = {0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4, 99};
    static const uint8_t fragment[] = {0x01, 0x03};
    struct ws_head h = {0};

    for (size_t n = 0; n < 8; n++)
        CHECK_INT(ws_head_read(masked, n, &h), WS_HEAD_MORE);
    CHECK_INT(ws_head_read(masked, 9, &h), WS_HEAD_OK);
    CHECK(h.is_final && h.opcode == WS_BINARY && h.is_masked && h.payload_len == 256 &&
          h.head_len == 8);
    CHECK_BYTES(h.mask, 4, masked + 4, 4);
    CHECK_INT(ws_head_read(fragment, 2, &h), WS_HEAD_OK);
    CHECK(!h.is_final && h.opcode == WS_TEXT && !h.is_masked && h.payload_len == 3 &&
          h.head_len == 2);
}

CASE(what_the_rfc_forbids_is_refused)
{
    static const struct {
        uint8_t bytes[10];
        size_t n;
    } bad[] = {
        {{0xc2}, 1},
        {{0xa2}, 1},
        {{0x92}, 1}, /* reserved bits */
        {{0x83}, 1},
        {{0x87}, 1},
        {{0x8b}, 1},
        {{0x8f}, 1}, /* opcodes without meaning */
        {{0x08}, 1},
        {{0x09}, 1},
        {{0x0a}, 1}, /* control frames in pieces */
        {{0x88, 126}, 2},
        {{0x89, 0xff}, 2},        /* control frames past 125 bytes */
        {{0x82, 126, 0, 125}, 4}, /* lengths said longer than needed */
        {{0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 10},
        {{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, 10}, /* 2^63 */
    };
    struct ws_head h = {.head_len = 77};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_INT(ws_head_read(bad[i].bytes, bad[i].n, &h), WS_HEAD_BAD);
    CHECK_INT(h.head_len, 77);
}

CASE(written_heads_read_back)
{
    static const size_t lens[] = {0, 1, 125, 126, 65535, 65536, (size_t)1 << 40};

    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        uint8_t out[WS_SERVER_HEAD_MAX];
        struct ws_head h;
        size_t n = ws_head_write(out, WS_TEXT, lens[i]);
        CHECK_INT(ws_head_read(out, n, &h), WS_HEAD_OK);
        CHECK(h.is_final && !h.is_masked && h.opcode == WS_TEXT && h.head_len == n &&
              h.payload_len == lens[i]);
        CHECK_INT(ws_head_read(out, n - 1, &h), WS_HEAD_MORE);
    }
}

CASE(unmasking_agrees_with_the_definition)
{
    enum { ROOM = 400 };
    struct dice d = {7};

    for (int round = 0; round < 20000; round++) {
        uint8_t fast[ROOM], slow[ROOM], mask[4];
        size_t n = dice_below(&d, ROOM - 16), start = dice_below(&d, 16);
        uint64_t offset = dice_next(&d) >> dice_below(&d, 64);
        for (size_t i = 0; i < ROOM; i++)
            fast[i] = slow[i] = (uint8_t)dice_next(&d);
        for (size_t i = 0; i < 4; i++)
            mask[i] = (uint8_t)dice_next(&d);
        for (size_t i = 0; i < n; i++)
            slow[start + i] ^= mask[(offset + i) % 4];
        ws_unmask(fast + start, n, mask, offset);
        CHECK_BYTES(fast, ROOM, slow, ROOM);
    }
}

CASE(a_sealed_message_carries_its_head)
{
    static const size_t lens[] = {5, 200, 70000};

    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct msg *m = msg_try_new(lens[i], payer());
        struct ws_head h;
        CHECK(m != NULL);
        memset(msg_head(m), 'x', lens[i]);
        ws_seal(m);
        struct slice framed = msg_framed_head(m);
        CHECK_INT(ws_head_read((const uint8_t *)framed.ptr, framed.len, &h), WS_HEAD_OK);
        CHECK(h.opcode == WS_BINARY && h.is_final && h.payload_len == lens[i] &&
              h.head_len + lens[i] == framed.len);
        msg_unref(m);
    }
}

CASE(the_accept_key_of_the_rfc)
{
    char out[WS_ACCEPT_LEN + 1];

    ws_accept_key(SLICE_LIT("dGhlIHNhbXBsZSBub25jZQ=="), out);
    CHECK_TEXT(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

CASE(close_codes_that_may_travel)
{
    static const unsigned good[] = {1000, 1001, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999};
    static const unsigned bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        CHECK(ws_close_code_is_valid(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!ws_close_code_is_valid(bad[i]));
}

CASES(RUN(heads_are_read_whole_or_not_at_all), RUN(what_the_rfc_forbids_is_refused),
      RUN(written_heads_read_back), RUN(unmasking_agrees_with_the_definition),
      RUN(a_sealed_message_carries_its_head), RUN(the_accept_key_of_the_rfc),
      RUN(close_codes_that_may_travel))
