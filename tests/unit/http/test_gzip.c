#include "http/gzip.h"

#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "harness/check.h"

CASE(what_is_packed_is_unpacked)
{
    static const size_t sizes[] = {0, 1, 1000, 65535, 65536, 65537, 1000000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *bytes = mem_new(sizes[i] + 1);
        random_bytes(bytes, sizes[i] / 2);
        struct buf packed, plain;
        buf_init(&packed, 0);
        buf_init(&plain, 0);
        CHECK(http_gzip(slice_make(bytes, sizes[i]), &packed));
        CHECK_INT(http_gunzip(buf_slice(&packed), sizes[i], &plain), HTTP_GZIP_OK);
        CHECK_BYTES(plain.ptr, plain.len, bytes, sizes[i]);
        buf_deinit(&plain);
        if (sizes[i])
            CHECK_INT(http_gunzip(buf_slice(&packed), sizes[i] - 1, &plain), HTTP_GZIP_TOO_LARGE);
        buf_deinit(&plain);
        if (sizes[i] < 70000) {
            for (size_t cut = 0; cut < packed.len; cut += 1 + packed.len / 50) {
                CHECK_INT(http_gunzip(slice_make(packed.ptr, cut), sizes[i], &plain),
                          HTTP_GZIP_CORRUPT);
                buf_clear(&plain);
            }
        }
        buf_deinit(&packed);
        buf_deinit(&plain);
        mem_free(bytes);
    }
}

CASE(what_the_client_accepts)
{
    static const struct {
        const char *text;
        bool is_accepted;
    } rows[] = {{"gzip", true},
                {"deflate, GZIP;q=0.5, br", true},
                {"gzip;q=0", false},
                {"gzip; q=0.000", false},
                {"gzip;q=0.001", true},
                {"*", true},
                {"*;q=0", false},
                {"*, gzip;q=0", false},
                {"identity", false},
                {"deflate", false},
                {"", false},
                {"gzipped", false}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (http_gzip_is_accepted(slice_of(rows[i].text)) != rows[i].is_accepted)
            check_fail(__FILE__, __LINE__, "%s", rows[i].text);
    CHECK(http_gzip_suits("application/json"));
    CHECK(http_gzip_suits("text/html; charset=utf-8"));
    CHECK(!http_gzip_suits("text/event-stream"));
    CHECK(!http_gzip_suits("application/msgpack"));
    CHECK(!http_gzip_suits("image/png"));
}

CASES(RUN(what_is_packed_is_unpacked), RUN(what_the_client_accepts))
