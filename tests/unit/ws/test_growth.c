/* A message that comes in parts: what it is charged follows what has come, and what has come must
 * go on coming. req: S-108 S-110 */
#include <stdlib.h>

#include "unit/ws/ws_kit.h"

enum { MB = 1 << 20, FIRST = 320 * 1024, RECORD = 128 };

/* A frame of so many bytes as a client sends it, the payload counting up. */
static void counting_frame(struct buf *out, uint8_t first, size_t n)
{
    char *payload = mem_new(n);

    for (size_t i = 0; i < n; i++)
        payload[i] = (char)(i * 7 + i / 251);
    kit_frame(out, first, slice_make(payload, n), true);
    mem_free(payload);
}

static void open_wide(struct kit *k)
{
    kit_open(k);
    k->ws->max_message = k->ws->max_frame = 16 * MB;
}

CASE(a_head_alone_costs_nothing)
{
    struct kit k;

    kit_init(&k);
    open_wide(&k);
    /* 16 MiB are announced */
    kit_send(&k, SLICE_LIT("\x82\xff\x00\x00\x00\x00\x01\x00\x00\x00mask"));
    CHECK_INT(account_used(k.account), 0);
    kit_send(&k, SLICE_LIT("x"));
    CHECK(account_used(k.account) >= FIRST && account_used(k.account) < FIRST + RECORD);
    kit_deinit(&k);
}

CASE(the_charge_follows_what_has_come)
{
    static const size_t sizes[] = {70000, FIRST, FIRST + 1, 600000, 1200000, 5 * MB + 17, 16 * MB};
    struct kit k;

    kit_init(&k);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf b;
        char heard[32];
        open_wide(&k);
        buf_init(&b, 32 * MB);
        counting_frame(&b, 0x82, sizes[i]);
        for (size_t at = 0; at < b.len;) {
            size_t n = b.len - at < 50000 ? b.len - at : 50000;
            kit_send(&k, slice_make(b.ptr + at, n));
            at += n;
            size_t used = account_used(k.account), most = at < FIRST / 4 ? FIRST : at * 4;
            CHECK(used <= (most < sizes[i] ? most : sizes[i]) + RECORD);
            CHECK(at == b.len || used + RECORD >= at);
        }
        TURNS_UNTIL(&k.t, k.heard.len > 0);
        snprintf(heard, sizeof(heard), "binary#%zu ", sizes[i]);
        CHECK_BYTES(k.heard.ptr, k.heard.len, heard, strlen(heard));
        buf_deinit(&b);
        kit_close(&k);
    }
    kit_deinit(&k);
}

static size_t n_wrong;

static void compare_binary(struct ws_conn *ws, struct slice frame, struct blob *blob)
{
    (void)ws;
    (void)blob;
    for (size_t i = 0; i < frame.len; i++)
        n_wrong += frame.ptr[i] != (char)(i * 7 + i / 251);
    n_wrong += frame.len != 3 * MB;
}

CASE(bytes_stay_what_they_were_while_the_block_grows)
{
    static const struct ws_ops ops = {.on_text = kit_on_text,
                                      .on_binary = compare_binary,
                                      .on_pong = kit_on_pong,
                                      .on_end = kit_on_end};
    struct kit k;
    struct buf b;

    kit_init(&k);
    open_wide(&k);
    k.ws->ops = &ops;
    n_wrong = 0;
    buf_init(&b, 8 * MB);
    counting_frame(&b, 0x82, 3 * MB);
    kit_send(&k, buf_slice(&b));
    TURNS_UNTIL(&k.t, k.t.loop->metrics.values[METRIC_BYTES_IN] == 3 * MB);
    CHECK_INT(n_wrong, 0);
    buf_deinit(&b);
    kit_deinit(&k);
}

CASE(fragments_grow_by_what_has_come_too)
{
    struct kit k;

    kit_init(&k);
    open_wide(&k);
    kit_send_frame(&k, 0x02, SLICE_LIT("begin"));
    CHECK(account_used(k.account) < 5 + RECORD);
    for (int i = 0; i < 200; i++)
        kit_send_frame(&k, 0x00, SLICE_LIT("and so on "));
    CHECK(account_used(k.account) <= 4 * 2005 + RECORD);
    /* and 15 MiB more, says the last one */
    kit_send(&k, SLICE_LIT("\x80\xff\x00\x00\x00\x00\x00\xf0\x00\x00mask"
                           "x"));
    CHECK(account_used(k.account) <= FIRST + RECORD);
    kit_deinit(&k);
}

/* Whichever charge is refused: the message is there, or the connection ends with a reason and holds
 * nothing. */
CASE(a_refused_charge_is_told_and_leaves_nothing)
{
    struct kit k;
    struct buf b;
    int n_refused = 0;

    setenv("HYPHAD_REFUSE_CHARGES", "11:6", 1);
    kit_init(&k);
    buf_init(&b, 8 * MB);
    counting_frame(&b, 0x82, 4 * MB);
    for (int i = 0; i < 40; i++) {
        open_wide(&k);
        if (i == 0)
            mem_fail_begin();
        kit_send(&k, buf_slice(&b));
        TURNS_UNTIL(&k.t, k.heard.len > 0);
        if (slice_is(buf_slice(&k.heard), "end:4 ")) {
            CHECK_INT(account_used(k.account), 0);
            KIT_GOT(&k, "\x88\x29\x03\xf5"
                        "Too many bytes under way (--peer-bytes)");
            n_refused++;
        } else {
            CHECK(slice_is(buf_slice(&k.heard), "binary#4194304 "));
        }
        kit_close(&k);
    }
#ifdef HYPHAD_CAN_FAIL_ALLOC
    CHECK(n_refused > 0 && n_refused < 40);
#endif
    buf_deinit(&b);
    kit_deinit(&k);
}

/* ---- how fast ---- */

static void slow_kit(struct kit *k, uint64_t min_rate, uint64_t window_ms)
{
    kit_init(k);
    k->t.config.min_body_rate = min_rate;
    k->t.config.rate_window_ms = window_ms;
    kit_open(k);
}

CASE(a_message_that_stops_is_given_up)
{
    struct kit k;

    slow_kit(&k, 1000, 100);
    kit_send(&k, SLICE_LIT("\x82\xff\x00\x00\x00\x00\x00\x01\x11\x70mask"
                           "begin"));
    CHECK(account_used(k.account) > 0);
    TURNS_UNTIL(&k.t, k.ws == NULL);
    KIT_HEARD(&k, "end:7 ");
    CHECK_INT(account_used(k.account), 0);
    KIT_GOT(&k, "\x88\x2f\x03\xf0"
                "The message came too slowly (--min-body-rate)");
    CHECK_INT(k.t.loop->metrics.values[METRIC_WS_TOO_SLOW], 1);
    kit_deinit(&k);
}

CASE(pings_between_its_fragments_do_not_keep_it)
{
    struct kit k;

    slow_kit(&k, 20, 100); /* two bytes in a window: fewer than a ping has */
    kit_send_frame(&k, 0x02, SLICE_LIT("begin"));
    TURNS_UNTIL(&k.t, (k.ws ? kit_send_frame(&k, 0x89, SLICE_LIT("?")) : (void)0, k.ws == NULL));
    KIT_HEARD(&k, "end:7 ");
    kit_deinit(&k);
}

CASE(a_message_that_goes_on_is_taken)
{
    struct kit k;

    slow_kit(&k, 3, 400); /* a byte in a window */
    uint64_t start = loop_now_ms(k.t.loop);
    kit_send_frame(&k, 0x02, SLICE_LIT("begin"));
    TURNS_UNTIL(&k.t,
                (kit_send_frame(&k, 0x00, SLICE_LIT("x")), loop_now_ms(k.t.loop) - start > 1000));
    kit_send_frame(&k, 0x80, SLICE_LIT(""));
    CHECK(k.ws != NULL && k.heard.len > 0);
    kit_deinit(&k);
}

CASE(messages_one_after_the_other_need_no_rate)
{
    struct kit k;

    slow_kit(&k, 1000000, 100);
    uint64_t start = loop_now_ms(k.t.loop);
    TURNS_UNTIL(&k.t,
                (kit_send_frame(&k, 0x02, SLICE_LIT("a")), kit_send_frame(&k, 0x80, SLICE_LIT("b")),
                 loop_now_ms(k.t.loop) - start > 400));
    CHECK(k.ws != NULL);
    kit_deinit(&k);
}

CASE(one_who_is_not_read_is_not_blamed)
{
    struct kit k;

    slow_kit(&k, 1000, 100);
    kit_send_frame(&k, 0x02, SLICE_LIT("begin"));
    ws_pause(k.ws);
    uint64_t start = loop_now_ms(k.t.loop);
    TURNS_UNTIL(&k.t, loop_now_ms(k.t.loop) - start > 400);
    CHECK(k.ws != NULL);
    ws_resume(k.ws);
    TURNS_UNTIL(&k.t, k.ws == NULL);
    KIT_HEARD(&k, "end:7 ");
    kit_deinit(&k);
}

CASES(RUN(a_head_alone_costs_nothing), RUN(the_charge_follows_what_has_come),
      RUN(bytes_stay_what_they_were_while_the_block_grows),
      RUN(fragments_grow_by_what_has_come_too), RUN(a_refused_charge_is_told_and_leaves_nothing),
      RUN(a_message_that_stops_is_given_up), RUN(pings_between_its_fragments_do_not_keep_it),
      RUN(a_message_that_goes_on_is_taken), RUN(messages_one_after_the_other_need_no_rate),
      RUN(one_who_is_not_read_is_not_blamed))
