#include "auth/scope.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "harness/check.h"

static void round_trip(const char *text, const char *wanted)
{
    struct scope s, copy;
    struct buf out;

    buf_init(&out, 0);
    CHECK_INT(scope_parse(slice_of(text), &s), SCOPE_OK);
    scope_copy(&s, &copy);
    scope_deinit(&s);
    scope_format(&copy, &out);
    scope_deinit(&copy);
    buf_add_byte(&out, '\0');
    CHECK_TEXT(out.ptr, wanted);
    buf_deinit(&out);
}

CASE(the_claim_has_one_order)
{
    round_trip("", "");
    round_trip("ws:a-b#rw wid:a-b", "ws:a-b#rw wid:a-b");
    round_trip("openid wid:w-1 x:y cid:only-me ws:w-1#a ws:*#r",
               "ws:w-1#a ws:*#r cid:only-me wid:w-1 openid x:y");
    round_trip("  ws:a-b#r   openid  ", "ws:a-b#r openid");
    round_trip("ws:a-b#rw ws:a-b#r", "ws:a-b#rw");
    round_trip("ws:a-b#r ws:a-b#a", "ws:a-b#a");
}

CASE(what_is_no_scope_is_refused)
{
    static const char *const bad[] = {
        "ws:a-b", "ws:a-b#", "ws:a-b#x", "ws:#a", "ws:", "ws:a#b#a", "cid:", "wid:", "openid ws:x"};
    struct scope s;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_INT(scope_parse(slice_of(bad[i]), &s), SCOPE_BAD);
    CHECK_INT(scope_parse(SLICE_LIT("open\0id"), &s), SCOPE_BAD);
}

CASE(extras_cannot_be_grants_in_disguise)
{
    static const char *const good[] = {"openid", "get_file:a/b:path%20x", "x:y:z", "A-b.c~%*/|+=_",
                                       "ws.x:y", "offline_access"};
    static const char *const bad[] = {"",    "ws:victim#a",   "ws",   "wid:x", "wid", "cid:x",
                                      "cid", "a ws:victim#a", "a\tb", "a:",    ":a",  "a::b",
                                      "a#b", "\xc3\xa4",      "a\n"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        CHECK(scope_extra_is_valid(slice_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (scope_extra_is_valid(slice_of(bad[i])))
            check_fail(__FILE__, __LINE__, "\"%s\" was accepted", bad[i]);
    }
    CHECK(!scope_extra_is_valid(SLICE_LIT("a\0b")));
}

CASE(many_items_are_kept)
{
    struct scope s = {0};
    char name[32];

    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof(name), "w-%d", i);
        scope_grant(&s, name, PERMISSION_READ);
        scope_grant(&s, name, i % 2 ? PERMISSION_ADMIN : PERMISSION_READ);
        scope_add_extra(&s, slice_of(name));
    }
    CHECK_INT(s.n_grants, 500);
    CHECK_INT(s.grants[499].permission, PERMISSION_ADMIN);
    CHECK_TEXT(s.extras[499], "w-499");
    scope_deinit(&s);
}

/* Quadratic it was some seconds of the thread; by its own clock, whatever else the machine does. */
CASE(reading_grants_takes_time_by_their_number_alone)
{
    enum { N = 100000 };
    struct scope s;
    struct buf text;

    buf_init(&text, 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++)
            buf_add_fmt(&text, "ws:w-%d#%s ", i, round ? "rw" : "r");
    }
    uint64_t began = clock_thread_cpu_ns();
    CHECK_INT(scope_parse(buf_slice(&text), &s), SCOPE_OK);
    CHECK(clock_thread_cpu_ns() - began < 2000ull * 1000 * 1000);
    CHECK_INT(s.n_grants, N);
    CHECK_TEXT(s.grants[N - 1].workspace, "w-99999");
    CHECK_INT(s.grants[0].permission, PERMISSION_READ_WRITE);
    CHECK_INT(s.grants[N - 1].permission, PERMISSION_READ_WRITE);
    scope_deinit(&s);
    buf_deinit(&text);
}

CASES(RUN(the_claim_has_one_order), RUN(what_is_no_scope_is_refused),
      RUN(extras_cannot_be_grants_in_disguise), RUN(many_items_are_kept),
      RUN(reading_grants_takes_time_by_their_number_alone))
