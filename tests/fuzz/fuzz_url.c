/* Any bytes as a request target: pieces lie inside it, decoded text is UTF-8, encoding is undone by
 * decoding. */
#include "fuzz/fuzz.h"
#include "wire/digest.h"
#include "wire/url.h"

static void check_codec(struct slice text)
{
    struct buf decoded, encoded, back;

    buf_init(&decoded, 0);
    buf_init(&encoded, 0);
    buf_init(&back, 0);
    url_decode(text, true, &decoded);
    ASSERT(slice_is_utf8(buf_slice(&decoded)));
    url_encode(buf_slice(&decoded), &encoded);
    url_decode(buf_slice(&encoded), true, &back);
    ASSERT(slice_eq(buf_slice(&decoded), buf_slice(&back)));
    buf_clear(&decoded);
    buf_clear(&encoded);
    buf_clear(&back);
    if (base64_decode(text, &decoded)) {
        base64_encode(buf_slice(&decoded), &encoded);
        ASSERT(base64_decode(buf_slice(&encoded), &back) &&
               slice_eq(buf_slice(&decoded), buf_slice(&back)));
    }
    buf_deinit(&decoded);
    buf_deinit(&encoded);
    buf_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct slice target = slice_make(bytes, n_bytes), path, query, name, value;
    struct buf found;
    size_t n_pieces = 0;

    url_split_target(target, &path, &query);
    ASSERT(path.len && query.len <= n_bytes && !slice_has_byte(path, '?') &&
           !slice_has_byte(path, '#'));
    check_codec(path);
    buf_init(&found, 0);
    (void)url_query_find(query, "a", &found);
    while (url_next_pair(&query, &name, &value)) {
        ASSERT(!slice_has_byte(name, '=') && !slice_has_byte(value, '&'));
        if (n_pieces++ < 100)
            check_codec(value);
    }
    buf_deinit(&found);
    return 0;
}
