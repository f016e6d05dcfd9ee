/* A queue is a text of bytes: however it is dropped from, what is left is the rest of that text. */
#include <string.h>

#include "base/buf.h"
#include "harness/check.h"
#include "harness/payer.h"
#include "net/sendq.h"

static struct msg *message(const char *head, const char *tail, const char *frame)
{
    struct msg *m = msg_try_new(strlen(head), payer());

    CHECK(m != NULL);
    memcpy(msg_head(m), head, strlen(head));
    if (*tail) {
        struct blob *b = blob_try_new(strlen(tail) + 2, payer());
        CHECK(b != NULL);
        memcpy(b->data + 1, tail, strlen(tail));
        msg_set_tail(m, b, slice_make(b->data + 1, strlen(tail)));
        blob_unref(b);
    }
    m->frame_len = (uint8_t)strlen(frame);
    memcpy(msg_head(m) - m->frame_len, frame, m->frame_len);
    return m;
}

static const char TEXT[] = "hello||F1one-tail1F2[bigger]and a longer tailx";

/* One run, nothing but a tail, header and two runs, an empty one, one byte. */
static void fill(struct sendq *q)
{
    sendq_init(q);
    CHECK(sendq_push(q, message("hello", "", "")));
    CHECK(sendq_push(q, message("", "||", "")));
    CHECK(sendq_push(q, message("one-", "tail1", "F1")));
    CHECK(sendq_push(q, message("", "", "")));
    CHECK(sendq_push(q, message("[bigger]", "and a longer tail", "F2")));
    CHECK(sendq_push(q, message("x", "", "")));
}

/* Reads through peeks of `window` runs: the first peek must be the start of what is expected. */
static void check_rest(const struct sendq *q, const char *expected, size_t window)
{
    struct slice runs[32];
    size_t n = sendq_peek(q, runs, window), at = 0;

    CHECK(n <= window);
    for (size_t i = 0; i < n; i++) {
        CHECK(runs[i].len > 0);
        CHECK(at + runs[i].len <= strlen(expected));
        CHECK_BYTES(runs[i].ptr, runs[i].len, expected + at, runs[i].len);
        at += runs[i].len;
    }
    CHECK_INT(q->n_bytes, strlen(expected));
    if (window == 32)
        CHECK_INT(at, strlen(expected));
    CHECK(at > 0 || !*expected);
}

CASE(a_drop_at_every_offset_leaves_the_rest)
{
    for (size_t cut = 0; cut < sizeof(TEXT); cut++) {
        for (size_t window = 1; window <= 32; window += window < 4 ? 1 : 28) {
            struct sendq q;
            fill(&q);
            sendq_drop(&q, cut);
            check_rest(&q, TEXT + cut, window);
            sendq_deinit(&q);
        }
    }
}

CASE(two_drops_are_one)
{
    for (size_t first = 0; first < sizeof(TEXT); first++) {
        for (size_t second = 0; first + second < sizeof(TEXT); second++) {
            struct sendq q;
            fill(&q);
            sendq_drop(&q, first);
            sendq_drop(&q, second);
            check_rest(&q, TEXT + first + second, 32);
            sendq_deinit(&q);
        }
    }
}

CASE(bytes_one_by_one_are_the_text)
{
    struct sendq q;
    struct buf got;
    struct slice run;

    fill(&q);
    buf_init(&got, 0);
    while (sendq_peek(&q, &run, 1)) {
        buf_add_byte(&got, (uint8_t)run.ptr[0]);
        sendq_drop(&q, 1);
    }
    CHECK(slice_is(buf_slice(&got), TEXT));
    CHECK_INT(q.msgs.n_items, 0);
    CHECK_INT(q.sent_of_first, 0);
    buf_deinit(&got);
    sendq_deinit(&q);
}

CASE(a_message_is_let_go_with_its_last_byte)
{
    struct msg *m = message("head", "tail", "F");
    struct blob *b = m->blob;
    struct sendq q;

    msg_ref(m);
    sendq_init(&q);
    CHECK(sendq_push(&q, m));
    sendq_drop(&q, 8);
    CHECK_INT(atomic_load(&m->n_refs), 2);
    sendq_drop(&q, 1);
    CHECK_INT(atomic_load(&m->n_refs), 1);
    CHECK(m->blob == b);
    msg_unref(m);
    sendq_deinit(&q);
}

CASE(an_end_in_the_middle_of_a_message_lets_all_go)
{
    struct msg *m = message("head", "tail", "");
    struct sendq q;

    sendq_init(&q);
    for (int i = 0; i < 40; i++)
        CHECK(sendq_push(&q, msg_ref(m)));
    sendq_drop(&q, 13);
    CHECK_INT(atomic_load(&m->n_refs), 40);
    sendq_deinit(&q);
    CHECK_INT(atomic_load(&m->n_refs), 1);
    CHECK_INT(q.n_bytes, 0);
    msg_unref(m);
}

CASES(RUN(a_drop_at_every_offset_leaves_the_rest), RUN(two_drops_are_one),
      RUN(bytes_one_by_one_are_the_text), RUN(a_message_is_let_go_with_its_last_byte),
      RUN(an_end_in_the_middle_of_a_message_lets_all_go))
