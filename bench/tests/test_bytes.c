/* The parts of the load program that are pure bytes: a wrong one would make every figure a lie. */
#include "harness/check.h"

#include "load/load_frame.h"
#include "load/hist.h"
#include "load/pack.h"
#include "load/load_token.h"

#include <stdlib.h>
#include <string.h>

CASE(quantiles_are_close_and_never_low)
{
    struct hist *h = mem_zeroed(1, sizeof(*h));
    for (uint64_t i = 1; i <= 100000; i++) {
        hist_add(h, i * 1000);
    }
    static const double QS[] = {0.5, 0.9, 0.99, 0.999};
    for (unsigned i = 0; i < 4; i++) {
        double exact = QS[i] * 1e8;
        double got = (double)hist_quantile(h, QS[i]);
        CHECK(got >= exact && got <= exact * 1.017);
    }
    CHECK_INT(hist_quantile(h, 1.0), 100000000);
    hist_reset(h);
    CHECK_INT(hist_quantile(h, 0.5), 0);
    hist_add(h, UINT64_MAX);
    CHECK(hist_quantile(h, 0.5) == UINT64_MAX);
    free(h);
}

/* Undoes what a client frame does, to look at it. */
static struct buf unmasked(const struct buf *frame)
{
    struct buf b = {0};
    size_t len = frame->data[1] & 0x7fU;
    size_t head = len == 126 ? 4 : len == 127 ? 10 : 2;
    CHECK(frame->data[1] & 0x80U);
    for (size_t i = head + 4; i < frame->len; i++) {
        uint8_t byte = frame->data[i] ^ frame->data[head + (i - head - 4) % 4];
        buf_append(&b, &byte, 1);
    }
    return b;
}

CASE(stencils_patch_what_they_masked)
{
    static const size_t SIZES[] = {100, 125, 126, 65535, 65536};
    for (unsigned i = 0; i < 5; i++) {
        struct buf payload = {0};
        struct buf out = {0};
        struct stencil s;
        memset(buf_reserve(&payload, SIZES[i]), 'a', SIZES[i]);
        payload.len = SIZES[i];
        stencil_init(&s, FRAME_BINARY, &payload);
        stencil_patch(&s, stencil_append(&s, &out), 37, "patched", 7);
        memcpy(payload.data + 37, "patched", 7);
        struct buf back = unmasked(&out);
        CHECK_BYTES(back.data, back.len, payload.data, payload.len);
        buf_free(&payload);
        buf_free(&back);
        buf_free(&out);
        stencil_free(&s);
    }
}

CASE(frames_are_read_whole_or_not_at_all)
{
    uint8_t frame[4 + 300] = {0x82, 126, 1, 44};
    struct frame_view v;
    for (size_t n = 0; n < sizeof(frame); n++) {
        CHECK_INT(frame_read(frame, n, &v), FRAME_MORE);
    }
    CHECK_INT(frame_read(frame, sizeof(frame), &v), FRAME_OK);
    CHECK_INT(v.len, 300);
    CHECK_INT(v.total, 304);
    CHECK(v.is_final && v.opcode == FRAME_BINARY);
}

static struct buf sample_message(void)
{
    struct buf b = {0};
    pack_map(&b, 6);
    pack_str(&b, "user"), pack_map(&b, 2);
    pack_str(&b, "method"), pack_array(&b, 2), pack_nil(&b), pack_f64(&b, 1.5);
    pack_str(&b, "session"), pack_bin_head(&b, 3), buf_append(&b, "abc", 3);
    pack_str(&b, "type"), pack_str(&b, "method");
    pack_str(&b, "count"), pack_u32(&b, 70000);
    pack_str(&b, "session"), pack_str(&b, "S1");
    pack_str(&b, "is_it"), pack_bool(&b, true);
    pack_str(&b, "method"), pack_str(&b, "a.method.name.that.is.longer.than.31");
    pack_map(&b, 1);
    pack_str(&b, "args"), pack_array(&b, 1), pack_str(&b, "first");
    return b;
}

CASE(heads_are_read_past_nested_values)
{
    struct buf b = sample_message();
    struct head h;
    struct text first;
    const uint8_t *at;
    const uint8_t *end;
    CHECK(head_read(b.data, b.len, &h));
    CHECK(text_is(h.type, "method") && text_is(h.session, "S1") && h.from.len == 0);
    CHECK(text_is(h.method, "a.method.name.that.is.longer.than.31"));
    CHECK(tail_first_arg(h.tail, b.data + b.len, &at, &end));
    CHECK(pack_read_str(at, end, &first) == end && text_is(first, "first"));
    size_t n_head = (size_t)(h.tail - b.data);
    for (size_t n = 0; n < n_head; n++) {
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, b.data, n);
        CHECK(!head_read(cut, n, &h));
        free(cut);
    }
    buf_free(&b);
}

CASE(tokens_have_three_parts_without_padding)
{
    struct buf b = {0};
    CHECK_INT(token_mint(&b, "secret", "u1"), 0);
    const char *text = (const char *)b.data;
    CHECK_INT(strlen(text), b.len);
    CHECK_INT(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
              b.len);
    const char *dot = strchr(text, '.');
    CHECK(dot && strchr(dot + 1, '.') && strlen(strrchr(text, '.')) == 44);
    buf_free(&b);
}

CASES(RUN(quantiles_are_close_and_never_low), RUN(stencils_patch_what_they_masked),
      RUN(frames_are_read_whole_or_not_at_all), RUN(heads_are_read_past_nested_values),
      RUN(tokens_have_three_parts_without_padding))
