#include "base/buf.h"

#include <stdlib.h>

#include "harness/check.h"

CASE(past_its_cap_it_fails_and_stays_failed)
{
    struct buf b;

    buf_init(&b, 8);
    buf_add_text(&b, "12345678");
    CHECK(!b.is_failed);
    buf_add_byte(&b, 'x');
    CHECK(b.is_failed && b.len == 8);
    CHECK(buf_slice(&b).ptr == NULL && buf_slice(&b).len == 0);
    buf_clear(&b);
    buf_add_text(&b, "a");
    CHECK(!b.is_failed && b.len == 1);
    buf_add_fmt(&b, "%d", 123456789);
    CHECK(b.is_failed && buf_take(&b) == NULL);
}

CASE(take_ends_the_text)
{
    struct buf b;

    buf_init(&b, 0);
    for (int i = 0; i < 1000; i++)
        buf_add_fmt(&b, "%03d", i);
    char *text = buf_take(&b);
    CHECK(strlen(text) == 3000 && strncmp(text + 2997, "999", 4) == 0);
    free(text);
    CHECK(b.ptr == NULL);
    text = buf_take(&b);
    CHECK_TEXT(text, "");
    free(text);
}

CASES(RUN(past_its_cap_it_fails_and_stays_failed), RUN(take_ends_the_text))
