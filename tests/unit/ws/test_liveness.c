/* Peers that vanished and peers that do not read. req: W-026 */
#include "unit/ws/ws_kit.h"

static void send_sized(struct kit *k, size_t n)
{
    struct msg *m = msg_try_new(n, k->account);

    memset(msg_head(m), 0, n);
    ws_seal(m);
    ws_send(k->ws, m);
}

CASE(a_silent_peer_is_asked_and_then_given_up)
{
    struct kit k;

    kit_init(&k);
    k.t.config.ws_ping_interval_ms = 40;
    k.t.config.ws_ping_timeout_ms = 60;
    kit_open(&k);
    TURNS_UNTIL(&k.t, k.ws == NULL);
    KIT_HEARD(&k, "end:6 ");
    TURNS_UNTIL(&k.t, (kit_read(&k), k.has_eof));
    CHECK_BYTES(k.got.ptr, k.got.len, "\x89\x00", 2);
    CHECK_INT(k.t.loop->metrics.values[METRIC_WS_HALF_OPEN], 1);
    kit_deinit(&k);
}

CASE(any_frame_is_an_answer)
{
    struct kit k;

    kit_init(&k);
    k.t.config.ws_ping_interval_ms = 40;
    k.t.config.ws_ping_timeout_ms = 4000;
    kit_open(&k);
    for (int i = 0; i < 4; i++) {
        buf_clear(&k.got);
        KIT_GOT(&k, "\x89\x00");
        kit_send_frame(&k, i % 2 ? 0x8a : 0x82, SLICE_LIT(""));
        CHECK(k.ws != NULL);
    }
    KIT_HEARD(&k, "binary: pong binary: pong ");
    kit_deinit(&k);
}

CASE(a_talking_peer_is_not_asked)
{
    struct kit k;
    uint64_t start;

    kit_init(&k);
    k.t.config.ws_ping_interval_ms = 800;
    k.t.config.ws_ping_timeout_ms = 60;
    kit_open(&k);
    start = loop_now_ms(k.t.loop);
    TURNS_UNTIL(&k.t,
                (kit_send_frame(&k, 0x82, SLICE_LIT("")), loop_now_ms(k.t.loop) - start > 1300));
    kit_read(&k);
    CHECK_INT(k.got.len, 0);
    CHECK(k.ws != NULL);
    kit_deinit(&k);
}

CASE(a_peer_we_do_not_read_is_not_blamed)
{
    struct kit k;
    uint64_t start;

    kit_init(&k);
    k.t.config.ws_ping_interval_ms = 40;
    k.t.config.ws_ping_timeout_ms = 60;
    kit_open(&k);
    ws_pause(k.ws);
    start = loop_now_ms(k.t.loop);
    TURNS_UNTIL(&k.t, loop_now_ms(k.t.loop) - start > 400);
    CHECK(k.ws != NULL);
    KIT_HEARD(&k, "");
    kit_deinit(&k);
}

/* Sends until the socket is full, and waits until a quarter of the timeout has passed. */
static void stall(struct kit *k)
{
    k->t.config.slow_consumer_timeout_ms = 400;
    kit_open(k);
    while (!k->ws->is_full) {
        send_sized(k, 100000);
        turns_run(&k->t);
    }
    uint64_t start = loop_now_ms(k->t.loop);
    TURNS_UNTIL(&k->t, loop_now_ms(k->t.loop) - start > 120);
    CHECK(k->ws != NULL);
}

CASE(too_much_unread_is_a_slow_consumer)
{
    struct kit k;

    kit_init(&k);
    stall(&k);
    for (int i = 0; i < 1000 && k.ws; i++) {
        send_sized(&k, 100000);
        turns_run(&k.t);
    }
    KIT_HEARD(&k, "end:5 ");
    CHECK_INT(k.t.loop->metrics.values[METRIC_WS_SLOW_CONSUMERS], 1);
    kit_deinit(&k);
}

CASE(too_many_unread_messages_too)
{
    struct kit k;

    kit_init(&k);
    k.t.config.sendq_frames = 100;
    stall(&k);
    while (!k.ws->stream->has_failed && k.ws->stream->sendq.msgs.n_items < 1000)
        send_sized(&k, 1);
    CHECK_INT(k.ws->stream->sendq.msgs.n_items, 101);
    /* Not under the feet of the sender; what is sent now goes nowhere. */
    KIT_HEARD(&k, "");
    send_sized(&k, 1);
    CHECK_INT(k.ws->stream->sendq.msgs.n_items, 101);
    CHECK_INT(k.t.loop->metrics.values[METRIC_WS_SLOW_CONSUMERS], 1);
    turns_run(&k.t);
    KIT_HEARD(&k, "end:5 ");
    CHECK(!k.ws);
    kit_deinit(&k);
}

/* Each sender is held back for itself, so many at once pass any cap of one receiver. */
CASE(a_burst_of_many_senders_cuts_no_receiver_that_reads)
{
    enum { N = 3000 };
    struct kit k;

    kit_init(&k);
    k.t.config.slow_consumer_timeout_ms = 10000;
    k.t.config.sendq_frames = 100;
    kit_open(&k);
    for (int i = 0; i < N; i++)
        send_sized(&k, 1000);
    while (k.got.len < N * 1000) {
        turns_run(&k.t);
        CHECK(k.ws != NULL);
        kit_read(&k);
    }
    CHECK_INT(k.t.loop->metrics.values[METRIC_WS_SLOW_CONSUMERS], 0);
    kit_deinit(&k);
}

CASE(pings_of_a_peer_that_does_not_read_cost_nothing)
{
    struct kit k;

    kit_init(&k);
    k.t.config.sendq_frames = 50;
    kit_open(&k);
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 200; i++)
        kit_frame(&b, 0x89, SLICE_LIT("?"), true);
    CHECK_INT(send(k.fd, b.ptr, b.len, 0), (long)b.len);
    /* However many turns the pings take: of each turn's, no more wait to be sent than may. */
    size_t before = 0;
    do {
        before = k.got.len;
        turns_run(&k.t);
        CHECK(k.ws != NULL);
        kit_read(&k);
        CHECK(k.got.len - before <= 51 * 3);
    } while (!before || k.got.len > before || k.ws->rest);
    buf_deinit(&b);
    kit_deinit(&k);
}

CASE(a_peer_that_stops_reading_is_noticed_in_time)
{
    struct kit k;

    kit_init(&k);
    k.t.config.slow_consumer_timeout_ms = 80;
    k.t.config.max_message_bytes = k.t.config.sendq_bytes = 64 << 20;
    kit_open(&k);
    send_sized(&k, 8 << 20);
    TURNS_UNTIL(&k.t, k.ws == NULL);
    KIT_HEARD(&k, "end:5 ");
    kit_deinit(&k);
}

CASE(a_peer_that_reads_slowly_is_not_cut)
{
    struct kit k;
    uint64_t next = 0;

    kit_init(&k);
    k.t.config.slow_consumer_timeout_ms = 1000;
    k.t.config.max_message_bytes = k.t.config.sendq_bytes = 64 << 20;
    kit_open(&k);
    send_sized(&k, 4 << 20);
    /* 1,350 ms; every piece is a small part of the one write */
    for (int i = 0; i < 45; i++) {
        char *room = mem_new(60000);
        (void)!recv(k.fd, room, 60000, MSG_DONTWAIT);
        mem_free(room);
        next = loop_now_ms(k.t.loop) + 30;
        TURNS_UNTIL(&k.t, loop_now_ms(k.t.loop) >= next);
        CHECK(k.ws != NULL);
    }
    KIT_HEARD(&k, "");
    kit_deinit(&k);
}

/* Sips 60 KB of a message of 16 MB every 30 ms, until it is cut or the time has passed. */
static void sip(struct kit *k, uint64_t for_ms)
{
    uint64_t began = loop_now_ms(k->t.loop), next = began;
    char *room = mem_new(60000);

    send_sized(k, 16 << 20);
    while (k->ws && next - began < for_ms) {
        (void)!recv(k->fd, room, 60000, MSG_DONTWAIT);
        next = loop_now_ms(k->t.loop) + 30;
        TURNS_UNTIL(&k->t, !k->ws || loop_now_ms(k->t.loop) >= next);
    }
    mem_free(room);
}

/* req: S-162 */
CASE(who_takes_little_while_somebody_waits_is_cut)
{
    struct kit k;

    kit_init(&k);
    k.t.config.slow_consumer_timeout_ms = 1000;
    k.t.config.max_message_bytes = k.t.config.sendq_bytes = 64 << 20;
    k.t.config.pressure_high_bytes = 64 << 20;
    kit_open(&k);
    account_mark_waiting(k.account, true);
    sip(&k, 7000);
    KIT_HEARD(&k, "end:5 ");
    CHECK_INT(k.t.loop->metrics.values[METRIC_WS_SLOW_CONSUMERS], 1);
    account_mark_waiting(k.account, false);
    kit_deinit(&k);
}

/* The same sips: nobody waits, or they are enough. */
CASE(who_takes_enough_or_keeps_nobody_waiting_is_not_cut)
{
    for (int is_waiting = 0; is_waiting < 2; is_waiting++) {
        struct kit k;
        kit_init(&k);
        k.t.config.slow_consumer_timeout_ms = 1500;
        k.t.config.max_message_bytes = k.t.config.sendq_bytes = 64 << 20;
        k.t.config.pressure_high_bytes = is_waiting ? 50000 : 64 << 20;
        kit_open(&k);
        account_mark_waiting(k.account, is_waiting);
        sip(&k, 2000);
        CHECK(k.ws != NULL);
        KIT_HEARD(&k, "");
        account_mark_waiting(k.account, false);
        kit_deinit(&k);
    }
}

/* What waits is taken, all of it, again and again: no matter how little that is. */
CASE(whose_queue_was_empty_meanwhile_is_not_cut)
{
    struct kit k;

    kit_init(&k);
    k.t.config.slow_consumer_timeout_ms = 400;
    k.t.config.max_message_bytes = k.t.config.sendq_bytes = 64 << 20;
    k.t.config.pressure_high_bytes = 64 << 20;
    kit_open(&k);
    account_mark_waiting(k.account, true);
    uint64_t began = loop_now_ms(k.t.loop);
    while (loop_now_ms(k.t.loop) - began < 900) {
        send_sized(&k, 1 << 20);
        TURNS_UNTIL(&k.t, (kit_read(&k), buf_clear(&k.got), k.ws && !k.ws->stream->sendq.n_bytes));
        CHECK(k.ws != NULL);
    }
    account_mark_waiting(k.account, false);
    kit_deinit(&k);
}

CASES(RUN(who_takes_little_while_somebody_waits_is_cut),
      RUN(who_takes_enough_or_keeps_nobody_waiting_is_not_cut),
      RUN(whose_queue_was_empty_meanwhile_is_not_cut),
      RUN(a_silent_peer_is_asked_and_then_given_up), RUN(any_frame_is_an_answer),
      RUN(a_talking_peer_is_not_asked), RUN(a_peer_we_do_not_read_is_not_blamed),
      RUN(too_much_unread_is_a_slow_consumer), RUN(too_many_unread_messages_too),
      RUN(a_burst_of_many_senders_cuts_no_receiver_that_reads),
      RUN(pings_of_a_peer_that_does_not_read_cost_nothing),
      RUN(a_peer_that_stops_reading_is_noticed_in_time), RUN(a_peer_that_reads_slowly_is_not_cut))
