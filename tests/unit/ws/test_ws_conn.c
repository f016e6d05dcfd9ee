/* Messages in and out of a connection (RFC 6455 5). req: W-021 W-027 W-028 */
#include <string.h>

#include "unit/ws/ws_kit.h"

CASE(whole_messages_come_through)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x81, SLICE_LIT("h\xc3\xa9llo"));
    kit_send_frame(&k, 0x82, SLICE_LIT("bytes"));
    kit_send_frame(&k, 0x81, SLICE_LIT(""));
    kit_send_frame(&k, 0x82, SLICE_LIT(""));
    KIT_HEARD(&k, "text:h\xc3\xa9llo binary:bytes text: binary: ");
    CHECK_INT(k.t.loop->metrics.values[METRIC_BYTES_IN], 11);
    CHECK(k.ws->partial == NULL); /* nothing is kept between frames */
    kit_deinit(&k);
}

CASE(fragments_are_put_together)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x01, SLICE_LIT("one "));
    kit_send_frame(&k, 0x00, SLICE_LIT(""));
    kit_send_frame(&k, 0x00, SLICE_LIT("two "));
    KIT_HEARD(&k, "");
    kit_send_frame(&k, 0x80, SLICE_LIT("three"));
    KIT_HEARD(&k, "text:one two three ");
    kit_send_frame(&k, 0x02, SLICE_LIT(""));
    kit_send_frame(&k, 0x80, SLICE_LIT(""));
    KIT_HEARD(&k, "text:one two three binary: ");
    CHECK(k.ws->partial == NULL);
    CHECK_INT(account_used(k.account), 0);
    kit_deinit(&k);
}

CASE(control_frames_pass_between_fragments)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x01, SLICE_LIT("a"));
    kit_send_frame(&k, 0x89, SLICE_LIT("are you there"));
    kit_send_frame(&k, 0x8a, SLICE_LIT(""));
    KIT_HEARD(&k, "pong ");
    KIT_GOT(&k, "\x8a\x0d"
                "are you there");
    kit_send_frame(&k, 0x80, SLICE_LIT("b"));
    KIT_HEARD(&k, "pong text:ab ");
    kit_deinit(&k);
}

CASE(a_character_may_be_cut_by_fragments)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x01, SLICE_LIT("\xe2\x82"));
    kit_send_frame(&k, 0x80, SLICE_LIT("\xac"));
    KIT_HEARD(&k, "text:\xe2\x82\xac ");
    kit_deinit(&k);
}

CASE(a_ping_is_answered_with_its_bytes)
{
    struct kit k;
    char most[125];
    char answer[2 + sizeof(most)] = "\x8a\x7d";

    memset(most, 'p', sizeof(most));
    memset(answer + 2, 'p', sizeof(most));
    kit_init(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x89, SLICE_LIT(""));
    KIT_GOT(&k, "\x8a\x00");
    buf_clear(&k.got);
    kit_send_frame(&k, 0x89, slice_make(most, sizeof(most)));
    TURNS_UNTIL(&k.t, (kit_read(&k), k.got.len >= sizeof(answer)));
    CHECK_BYTES(k.got.ptr, k.got.len, answer, sizeof(answer));
    kit_deinit(&k);
}

static void send_sized(struct kit *k, size_t n)
{
    char *bytes = mem_new(n);

    memset(bytes, 'x', n);
    kit_send_frame(k, 0x82, slice_make(bytes, n));
    mem_free(bytes);
}

CASE(every_form_of_length_is_read)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    send_sized(&k, 125);
    send_sized(&k, 126);
    send_sized(&k, 65535);
    send_sized(&k, 65536);
    send_sized(&k, KIT_MESSAGE_MAX);
    TURNS_UNTIL(&k.t, k.heard.len > 60);
    KIT_HEARD(&k, "binary#125 binary#126 binary#65535 binary#65536 binary#100000 ");
    kit_deinit(&k);
}

CASE(a_message_above_the_cap_is_refused_at_its_head)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    /* Nothing but the head of a frame of 100,001 bytes: no byte of it is waited for. */
    kit_send(&k, SLICE_LIT("\x82\xff\x00\x00\x00\x00\x00\x01\x86\xa1mask"));
    KIT_HEARD(&k, "end:3 ");
    KIT_GOT(&k, "\x88\x11\x03\xf1"
                "Message too big");
    CHECK_INT(k.t.loop->metrics.values[METRIC_WS_TOO_BIG], 1);
    kit_deinit(&k);
}

CASE(fragments_above_the_cap_are_refused)
{
    struct kit k;
    char *half = mem_new(KIT_MESSAGE_MAX / 2);

    kit_init(&k);
    kit_open(&k);
    kit_send_frame(&k, 0x02, slice_make(half, KIT_MESSAGE_MAX / 2));
    kit_send_frame(&k, 0x00, slice_make(half, KIT_MESSAGE_MAX / 2));
    KIT_HEARD(&k, "");
    kit_send_frame(&k, 0x80, SLICE_LIT("x"));
    KIT_HEARD(&k, "end:3 ");
    mem_free(half);
    kit_deinit(&k);
}

CASE(fragments_without_end_are_refused)
{
    struct kit k;
    struct buf b;

    kit_init(&k);
    kit_open(&k);
    buf_init(&b, 0);
    kit_frame(&b, 0x02, SLICE_LIT(""), true);
    for (int i = 0; i < 16384; i++)
        kit_frame(&b, 0x00, SLICE_LIT(""), true);
    kit_send(&k, buf_slice(&b));
    TURNS_UNTIL(&k.t, k.heard.len > 0);
    KIT_HEARD(&k, "end:3 ");
    buf_deinit(&b);
    kit_deinit(&k);
}

CASE(what_is_being_received_is_charged)
{
    struct kit k;
    struct account *small = account_new(NULL, ACCOUNT_PEER, 50000);

    kit_init(&k);
    kit_open(&k);
    ws_set_account(k.ws, small);
    kit_send_frame(&k, 0x02, SLICE_LIT("begin"));
    CHECK(account_used(small) > 0);
    CHECK(account_used(small) < 200);
    send_sized(&k, 0); /* a message inside a message */
    CHECK(slice_ends(buf_slice(&k.heard), "end:2 "));
    kit_close(&k);
    CHECK_INT(account_used(small), 0);
    kit_open(&k);
    ws_set_account(k.ws, small);
    /* 70,000 bytes are announced */
    kit_send(&k, SLICE_LIT("\x82\xff\x00\x00\x00\x00\x00\x01\x11\x70mask"));
    CHECK_INT(account_used(small), 0);
    /* and one has come */
    kit_send(&k, SLICE_LIT("b"));
    KIT_HEARD(&k, "end:4 ");
    KIT_GOT(&k, "\x88\x36\x03\xf5"
                "Too many bytes under way (--peer-bytes, 50000 bytes)");
    CHECK_INT(account_used(small), 0); /* while the connection still waits for the end */
    kit_deinit(&k);
    account_unref(small);
}

CASE(messages_go_out_whole)
{
    struct kit k;
    kit_init(&k);
    kit_open(&k);
    struct msg *m = msg_try_new(3, k.account);
    memcpy(msg_head(m), "abc", 3);
    ws_seal(m);
    ws_send(k.ws, m);
    ws_send_text(k.ws, SLICE_LIT("{}"));
    ws_ping(k.ws);
    KIT_GOT(&k, "\x82\x03"
                "abc"
                "\x81\x02{}"
                "\x89\x00");
    CHECK_INT(k.t.loop->metrics.values[METRIC_BYTES_OUT], 3);
    kit_deinit(&k);
}

CASE(a_pause_holds_messages_back)
{
    struct kit k;

    kit_init(&k);
    kit_open(&k);
    ws_pause(k.ws);
    kit_send_frame(&k, 0x81, SLICE_LIT("waits"));
    turns_run(&k.t);
    KIT_HEARD(&k, "");
    ws_resume(k.ws);
    TURNS_UNTIL(&k.t, k.heard.len > 0);
    KIT_HEARD(&k, "text:waits ");
    kit_deinit(&k);
}

CASE(bytes_behind_the_upgrade_are_read_first)
{
    struct kit k;
    struct buf b;

    kit_init(&k);
    kit_open(&k);
    buf_init(&b, 0);
    kit_frame(&b, 0x81, SLICE_LIT("early"), true);
    kit_frame(&b, 0x01, SLICE_LIT("be"), true);
    ws_start(k.ws, buf_slice(&b));
    KIT_HEARD(&k, "text:early ");
    kit_send_frame(&k, 0x80, SLICE_LIT("gun"));
    KIT_HEARD(&k, "text:early text:begun ");
    buf_deinit(&b);
    kit_deinit(&k);
}

CASES(RUN(whole_messages_come_through), RUN(fragments_are_put_together),
      RUN(control_frames_pass_between_fragments), RUN(a_character_may_be_cut_by_fragments),
      RUN(a_ping_is_answered_with_its_bytes), RUN(every_form_of_length_is_read),
      RUN(a_message_above_the_cap_is_refused_at_its_head), RUN(fragments_above_the_cap_are_refused),
      RUN(fragments_without_end_are_refused), RUN(what_is_being_received_is_charged),
      RUN(messages_go_out_whole), RUN(a_pause_holds_messages_back),
      RUN(bytes_behind_the_upgrade_are_read_first))
