#include "wire/digest.h"

#include "harness/check.h"
#include "unit/wire/dice.h"

CASE(known_sums)
{
    uint8_t sum[32];
    char text[65];

    digest_sha1(SLICE_LIT("abc"), sum);
    digest_hex(sum, 20, text);
    CHECK_TEXT(text, "a9993e364706816aba3e25717850c26c9cd0d89d");
    digest_sha256(SLICE_LIT("abc"), sum);
    digest_hex(sum, 32, text);
    CHECK_TEXT(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256((struct slice){NULL, 0}, sum);
    digest_hex(sum, 4, text);
    CHECK_TEXT(text, "e3b0c442");
}

CASE(base64_round_trips_at_every_length)
{
    struct dice d = {11};

    for (size_t n = 0; n < 100; n++) {
        struct buf text, back;
        uint8_t bytes[100];
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)dice_next(&d);
        buf_init(&text, 0);
        buf_init(&back, 0);
        base64_encode(slice_make(bytes, n), &text);
        CHECK_INT(text.len, (n + 2) / 3 * 4);
        CHECK(base64_decode(buf_slice(&text), &back));
        CHECK_BYTES(back.ptr, back.len, bytes, n);
        buf_deinit(&text);
        buf_deinit(&back);
    }
}

CASE(base64_of_both_alphabets)
{
    static const char *const good[][2] = {
        {"-_8", "\xfb\xff"}, {"+/8=", "\xfb\xff"}, {"QQ==", "A"}, {"QQ", "A"}, {"", ""}};
    static const char *const bad[] = {
        "Q", "QQ=", "Q===", "QQ==QQ==", "Q Q=", "QQ\n==", "=", "QUJD====", "\xc3\xa9\x41\x41"};
    struct buf b;

    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        buf_clear(&b);
        CHECK(base64_decode(slice_of(good[i][0]), &b));
        CHECK_BYTES(b.ptr, b.len, good[i][1], strlen(good[i][1]));
    }
    buf_clear(&b);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!base64_decode(slice_of(bad[i]), &b) && b.len == 0);
    buf_deinit(&b);
}

CASES(RUN(known_sums), RUN(base64_round_trips_at_every_length), RUN(base64_of_both_alphabets))
