/* The ways a connection ends: broken rules, the close handshake from both sides, loss. req: W-017
 * W-027 */
#include "unit/ws/ws_kit.h"

struct broken {
    const char *what;
    struct slice bytes;
    unsigned code;
    enum ws_end why;
};

#define BYTES(text) SLICE_LIT(text)

/* The mask is 0, so that payloads can be read here. */
static const struct broken table[] = {
    {"no mask", BYTES("\x81\x01x"), 1002, WS_END_PROTOCOL},
    {"no mask on a ping", BYTES("\x89\x00"), 1002, WS_END_PROTOCOL},
    {"reserved bit 1", BYTES("\xc1\x80\0\0\0\0"), 1002, WS_END_PROTOCOL},
    {"reserved bit 3", BYTES("\x92\x80\0\0\0\0"), 1002, WS_END_PROTOCOL},
    {"opcode 3", BYTES("\x83\x80\0\0\0\0"), 1002, WS_END_PROTOCOL},
    {"opcode 11", BYTES("\x8b\x80\0\0\0\0"), 1002, WS_END_PROTOCOL},
    {"a ping in fragments", BYTES("\x09\x80\0\0\0\0"), 1002, WS_END_PROTOCOL},
    {"a long ping", BYTES("\x89\xfe\x00\x7e\0\0\0\0"), 1002, WS_END_PROTOCOL},
    {"a long way to say 1", BYTES("\x82\xfe\x00\x01\0\0\0\0x"), 1002, WS_END_PROTOCOL},
    {"a length of 2^63", BYTES("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0"), 1002, WS_END_PROTOCOL},
    {"continuation of nothing", BYTES("\x80\x80\0\0\0\0"), 1002, WS_END_PROTOCOL},
    {"a message inside a message", BYTES("\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b"), 1002,
     WS_END_PROTOCOL},
    {"text that is not UTF-8", BYTES("\x81\x82\0\0\0\0\xc3("), 1007, WS_END_PROTOCOL},
    {"text cut in a character", BYTES("\x81\x81\0\0\0\0\xc3"), 1007, WS_END_PROTOCOL},
    {"a surrogate", BYTES("\x81\x83\0\0\0\0\xed\xa0\x80"), 1007, WS_END_PROTOCOL},
    {"fragments that are no UTF-8", BYTES("\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0x"), 1007,
     WS_END_PROTOCOL},
    {"close with one byte", BYTES("\x88\x81\0\0\0\0\x03"), 1002, WS_END_PROTOCOL},
    {"close with 1005", BYTES("\x88\x82\0\0\0\0\x03\xed"), 1002, WS_END_PROTOCOL},
    {"close with 999", BYTES("\x88\x82\0\0\0\0\x03\xe7"), 1002, WS_END_PROTOCOL},
    {"close with bad text", BYTES("\x88\x84\0\0\0\0\x03\xe8\xff\xfe"), 1002, WS_END_PROTOCOL},
    {"too big", BYTES("\x82\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0"), 1009, WS_END_TOO_BIG},
};

static unsigned code_of(const struct kit *k)
{
    const uint8_t *p = (const uint8_t *)k->got.ptr;

    CHECK(k->got.len >= 4 && p[0] == 0x88 && p[1] + 2u == k->got.len);
    return (unsigned)(p[2] << 8 | p[3]);
}

CASE(every_broken_rule_has_its_code)
{
    struct kit k;

    kit_init(&k);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char expected[16];
        kit_open(&k);
        kit_send(&k, table[i].bytes);
        TURNS_UNTIL(&k.t, (kit_read(&k), k.got.len >= 4));
        if (code_of(&k) != table[i].code)
            check_fail(__FILE__, __LINE__, "%s: %u", table[i].what, code_of(&k));
        snprintf(expected, sizeof(expected), "end:%d ", (int)table[i].why);
        CHECK(slice_is(buf_slice(&k.heard), expected));
        kit_close(&k);
    }
    CHECK(k.t.loop->metrics.values[METRIC_WS_PROTOCOL_ERRORS] > 0);
    kit_deinit(&k);
}

CASE(after_a_broken_rule_nothing_more_is_heard)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x83, SLICE_LIT(""));
    kit_send_frame(&k, 0x81, SLICE_LIT("still here"));
    kit_send_frame(&k, 0x89, SLICE_LIT("?"));
    KIT_HEARD(&k, "end:2 ");
    TURNS_UNTIL(&k.t, (kit_read(&k), k.got.len >= 4));
    CHECK_INT(code_of(&k), 1002);
    kit_deinit(&k);
}

CASE(a_close_of_the_peer_is_answered_with_its_code)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x88,
                   SLICE_LIT("\x0f\xa0"
                             "my reasons"));
    KIT_HEARD(&k, "end:0 ");
    KIT_GOT(&k, "\x88\x02\x0f\xa0");
    TURNS_UNTIL(&k.t, (kit_read(&k), k.has_eof));
    kit_close(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x88, SLICE_LIT(""));
    KIT_HEARD(&k, "end:0 ");
    KIT_GOT(&k, "\x88\x02\x03\xe8");
    kit_deinit(&k);
}

CASE(our_close_waits_for_the_peers)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    ws_send_text(k.ws, SLICE_LIT("last"));
    ws_close(k.ws, 1001, SLICE_LIT("going"));
    ws_send_text(k.ws, SLICE_LIT("too late"));
    ws_close(k.ws, 1008, SLICE_LIT("twice"));
    k.ws = NULL;
    KIT_GOT(&k, "\x81\x04last\x88\x07\x03\xe9going");
    kit_send_frame(&k, 0x81, SLICE_LIT("crossing"));
    kit_read(&k);
    CHECK(!k.has_eof);
    kit_send_frame(&k, 0x88, SLICE_LIT("\x03\xe9"));
    TURNS_UNTIL(&k.t, (kit_read(&k), k.has_eof));
    KIT_HEARD(&k, ""); /* who closes is not told */
    kit_deinit(&k);
}

CASE(our_close_does_not_wait_for_ever)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    ws_close(k.ws, 1000, SLICE_LIT(""));
    k.ws = NULL;
    TURNS_UNTIL(&k.t, (kit_read(&k), k.has_eof)); /* the patience of liveness.c: 2 s */
    kit_deinit(&k);
}

CASE(an_owner_may_close_inside_its_callback)
{
    struct kit k;
    struct buf b;

    kit_init(&k);
    kit_open(&k);
    k.wants_close = true;
    buf_init(&b, 0);
    kit_frame(&b, 0x81, SLICE_LIT("first"), true);
    kit_frame(&b, 0x81, SLICE_LIT("second"), true);
    kit_frame(&b, 0x88, SLICE_LIT("\x03\xe8"), true);
    kit_send(&k, buf_slice(&b));
    KIT_HEARD(&k, "text:first ");
    k.ws = NULL;
    TURNS_UNTIL(&k.t, (kit_read(&k), k.has_eof));
    CHECK_INT(code_of(&k), 1000);
    buf_deinit(&b);
    kit_deinit(&k);
}

CASE(a_reason_is_cut_between_characters)
{
    struct kit k;
    char reason[151] = "";

    for (int i = 0; i < 50; i++)
        memcpy(reason + 3 * i, "\xe2\x82\xac", 3);
    reason[0] = 'a'; /* one byte, then characters of three: none of them ends at 123 */
    memmove(reason + 1, reason + 3, 147);
    kit_init(&k);
    kit_open(&k);
    ws_close(k.ws, 1008, slice_make(reason, 148));
    k.ws = NULL;
    TURNS_UNTIL(&k.t, (kit_read(&k), k.got.len >= 4));
    CHECK_INT(code_of(&k), 1008);
    /* 121 of at most 123: the next character would not fit */
    CHECK_INT(k.got.len, 2 + 2 + 1 + 120);
    CHECK(slice_is_utf8(slice_from(buf_slice(&k.got), 4)));
    kit_deinit(&k);
}

CASE(a_drop_says_nothing)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    ws_drop(k.ws);
    k.ws = NULL;
    TURNS_UNTIL(&k.t, (kit_read(&k), k.has_eof));
    CHECK_INT(k.got.len, 0);
    KIT_HEARD(&k, "");
    kit_deinit(&k);
}

CASE(a_peer_without_a_word_is_lost)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x01, SLICE_LIT("half a mess"));
    close(k.fd);
    k.fd = -1;
    TURNS_UNTIL(&k.t, k.ws == NULL);
    KIT_HEARD(&k, "end:1 ");
    kit_deinit(&k);
}

CASES(RUN(every_broken_rule_has_its_code), RUN(after_a_broken_rule_nothing_more_is_heard),
      RUN(a_close_of_the_peer_is_answered_with_its_code), RUN(our_close_waits_for_the_peers),
      RUN(our_close_does_not_wait_for_ever), RUN(an_owner_may_close_inside_its_callback),
      RUN(a_reason_is_cut_between_characters), RUN(a_drop_says_nothing),
      RUN(a_peer_without_a_word_is_lost))
