/* However TCP cuts a stream of frames, it is the same messages. req: W-028 */
#include "unit/ws/ws_kit.h"
#include "ws/ws_inbound.h"

static void stream_of_frames(struct buf *out)
{
    buf_init(out, 0);
    kit_frame(out, 0x01, SLICE_LIT("frag"), true);
    kit_frame(out, 0x89, SLICE_LIT("?"), true);
    kit_frame(out, 0x80, SLICE_LIT("ment"), true);
    kit_frame(out, 0x82, SLICE_LIT("\x01\x02\x03"), true);
    kit_frame(out, 0x81,
              SLICE_LIT("a text that is longer than one hundred and twenty-five bytes, so that its "
                        "length takes "
                        "two bytes more and can be cut too......"),
              true);
    kit_frame(out, 0x88,
              SLICE_LIT("\x03\xe8"
                        "bye"),
              true);
}

static const char HEARD[] = "text:fragment binary:\x01\x02\x03 text:a text that is longer than one "
                            "hundred and twenty-five bytes, so "
                            "that its length takes two bytes more and can be cut too...... end:0 ";
static const char GOT[] = "\x8a\x01?\x88\x02\x03\xe8";

/* From a block of its own, so that a sanitizer sees a read past the piece. */
static void feed(struct kit *k, struct slice piece)
{
    if (!piece.len || !k->ws)
        return;
    char *block = mem_copy(piece.ptr, piece.len);
    char *exact = malloc(piece.len);
    memcpy(exact, block, piece.len);
    mem_free(block);
    for (size_t at = 0; k->ws && at < piece.len;)
        at += ws_inbound(k->ws, exact + at, piece.len - at);
    free(exact);
}

static void check(struct kit *k)
{
    TURNS_UNTIL(&k->t, (kit_read(k), k->has_eof));
    CHECK_BYTES(k->heard.ptr, k->heard.len, HEARD, sizeof(HEARD) - 1);
    CHECK_BYTES(k->got.ptr, k->got.len, GOT, sizeof(GOT) - 1);
    kit_close(k);
}

CASE(two_pieces_at_every_offset)
{
    struct kit k;
    struct buf all;

    kit_init(&k);
    stream_of_frames(&all);
    for (size_t cut = 0; cut <= all.len; cut++) {
        kit_open(&k);
        feed(&k, slice_to(buf_slice(&all), cut));
        feed(&k, slice_from(buf_slice(&all), cut));
        check(&k);
    }
    buf_deinit(&all);
    kit_deinit(&k);
}

CASE(pieces_of_every_length)
{
    struct kit k;
    struct buf all;

    kit_init(&k);
    stream_of_frames(&all);
    for (size_t step = 1; step < 40; step++) {
        kit_open(&k);
        for (size_t at = 0; at < all.len; at += step)
            feed(&k, slice_to(slice_from(buf_slice(&all), at), step));
        check(&k);
    }
    buf_deinit(&all);
    kit_deinit(&k);
}

CASE(a_stream_that_stops_anywhere_is_a_loss)
{
    struct kit k;
    struct buf all;

    kit_init(&k);
    stream_of_frames(&all);
    for (size_t cut = 0; cut < all.len; cut++) {
        kit_open(&k);
        kit_send(&k, slice_to(buf_slice(&all), cut));
        shutdown(k.fd, SHUT_WR);
        TURNS_UNTIL(&k.t, k.ws == NULL);
        CHECK(slice_ends(buf_slice(&k.heard), "end:1 "));
        kit_close(&k);
    }
    buf_deinit(&all);
    kit_deinit(&k);
}

CASES(RUN(two_pieces_at_every_offset), RUN(pieces_of_every_length),
      RUN(a_stream_that_stops_anywhere_is_a_loss))
