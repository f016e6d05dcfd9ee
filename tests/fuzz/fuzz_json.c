/* Any bytes as JSON: what is accepted becomes a value, its text reads back as the same value. */
#include "fuzz/fuzz.h"
#include "wire/json.h"
#include "wire/mp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct buf value, text, again;
    struct slice in, v;
    char error[JSON_ERROR_MAX] = "";

    buf_init(&value, 0);
    buf_init(&text, 0);
    buf_init(&again, 0);
    if (json_to_mp(slice_make(bytes, n_bytes), &value, error) == JSON_OK) {
        in = buf_slice(&value);
        ASSERT(mp_take(&in, JSON_MAX_DEPTH, &v) == MP_OK && in.len == 0);
        ASSERT(json_from_mp(v, &text) == JSON_OK);
        ASSERT(json_to_mp(buf_slice(&text), &again, NULL) == JSON_OK);
        ASSERT(slice_eq(buf_slice(&value), buf_slice(&again)));
    } else {
        ASSERT(value.len == 0 && error[0]);
    }
    buf_clear(&text);
    buf_clear(&again);
    json_add_text(&text, slice_make(bytes, n_bytes));
    ASSERT(json_to_mp(buf_slice(&text), &again, NULL) == JSON_OK);
    buf_deinit(&value);
    buf_deinit(&text);
    buf_deinit(&again);
    return 0;
}
