/* Our reader of JSON against jansson: both judge random and broken texts alike, and what they
 * accept means the same. */
#include <jansson.h>

#include "harness/check.h"
#include "unit/wire/dice.h"
#include "wire/json.h"
#include "wire/mp.h"

enum { TEXTS = 4000, MUTATIONS = 12 };

static void add_tree(json_t *v, struct buf *out)
{
    const char *key;
    json_t *item;
    size_t i;

    switch (json_typeof(v)) {
    case JSON_NULL:
        mp_add_nil(out);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        mp_add_bool(out, json_is_true(v));
        break;
    case JSON_INTEGER:
        mp_add_int(out, json_integer_value(v));
        break;
    case JSON_REAL:
        mp_add_float(out, json_real_value(v));
        break;
    case JSON_STRING:
        mp_add_str(out, slice_make(json_string_value(v), json_string_length(v)));
        break;
    case JSON_ARRAY:
        mp_add_array(out, (uint32_t)json_array_size(v));
        json_array_foreach(v, i, item) add_tree(item, out);
        break;
    case JSON_OBJECT:
        mp_add_map(out, (uint32_t)json_object_size(v));
        json_object_foreach(v, key, item)
        {
            mp_add_text(out, key);
            add_tree(item, out);
        }
        break;
    }
}

/* Both readings as JSON text again: the encodings may differ in the length of heads. */
static void check_alike(struct slice text)
{
    struct buf ours, theirs, our_text, their_text;
    char error[JSON_ERROR_MAX] = "";
    json_t *tree =
        json_loadb(text.len ? text.ptr : "", text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    buf_init(&ours, 0);
    buf_init(&theirs, 0);
    buf_init(&our_text, 0);
    buf_init(&their_text, 0);
    int r = json_to_mp(text, &ours, error);
    if (tree)
        add_tree(tree, &theirs);
    if ((r == JSON_OK) != (tree != NULL))
        printf("# " SLICE_FMT " : we say %s, jansson %s\n", SLICE_ARG(text), r ? error : "yes",
               tree ? "yes" : "no");
    CHECK((r == JSON_OK) == (tree != NULL));
    if (tree) {
        struct slice rest = buf_slice(&ours), value;
        CHECK(mp_take(&rest, JSON_MAX_DEPTH, &value) == MP_OK && !rest.len);
        CHECK_INT(json_from_mp(value, &our_text), JSON_OK);
        CHECK_INT(json_from_mp(buf_slice(&theirs), &their_text), JSON_OK);
        CHECK_BYTES(our_text.ptr, our_text.len, their_text.ptr, their_text.len);
    }
    json_decref(tree);
    buf_deinit(&ours);
    buf_deinit(&theirs);
    buf_deinit(&our_text);
    buf_deinit(&their_text);
}

static void add_blanks(struct dice *d, struct buf *b)
{
    while (!dice_below(d, 4))
        buf_add_byte(b, (uint8_t) " \n\r\t"[dice_below(d, 4)]);
}

static void add_string(struct dice *d, struct buf *b)
{
    static const char *const pieces[] = {"a",        "b",
                                         "key",      "\\n",
                                         "\\u00e9",  "\\ud83d\\ude00",
                                         "\xc3\xa9", "\xf0\x9f\x98\x80",
                                         "\\\"",     "\\\\",
                                         "\\/",      "longer than eight bytes",
                                         "\\u0041"};

    buf_add_byte(b, '"');
    for (uint32_t n = dice_below(d, 4); n; n--)
        buf_add_text(b, pieces[dice_below(d, ARRAY_LEN(pieces))]);
    buf_add_byte(b, '"');
}

static void add_number(struct dice *d, struct buf *b)
{
    static const char small[] =
        "0."
        "000000000000000000000000000000000000000000000000000000000000000000001234567890123456789";
    static const char *const numbers[] = {"0",   "-0",   "7",   "-12",  "123456789012345678",
                                          "1.5", "-0.0", "1e5", "2E-3", "1.25e+10",
                                          small};

    buf_add_text(b, numbers[dice_below(d, ARRAY_LEN(numbers))]);
}

static void add_random(struct dice *d, struct buf *b, unsigned depth)
{
    uint32_t kind = dice_below(d, depth ? 7 : 5),
             n = dice_below(d, 8) ? dice_below(d, 4) : dice_below(d, 40);

    add_blanks(d, b);
    if (kind < 2) {
        add_number(d, b);
    } else if (kind < 4) {
        add_string(d, b);
    } else if (kind == 4) {
        buf_add_text(b, dice_below(d, 3) ? dice_below(d, 2) ? "true" : "false" : "null");
    } else {
        buf_add_byte(b, kind == 5 ? '[' : '{');
        for (uint32_t i = 0; i < n; i++) {
            buf_add_text(b, i ? "," : "");
            if (kind == 6) {
                add_string(d, b);
                add_blanks(d, b);
                buf_add_byte(b, ':');
            }
            add_random(d, b, depth - 1);
        }
        add_blanks(d, b);
        buf_add_byte(b, kind == 5 ? ']' : '}');
    }
    add_blanks(d, b);
}

CASE(random_texts_mean_the_same)
{
    struct dice d = {29};

    for (int round = 0; round < TEXTS; round++) {
        struct buf text;
        buf_init(&text, 0);
        add_random(&d, &text, 5);
        check_alike(buf_slice(&text));
        buf_deinit(&text);
    }
}

CASE(broken_texts_are_judged_alike)
{
    static const char bytes[] = "[]{}:,\"\\0123456789.eE+-ntfalsru \xc3\xa9\xff\x01";
    struct dice d = {31};

    for (int round = 0; round < TEXTS; round++) {
        struct buf text;
        buf_init(&text, 0);
        add_random(&d, &text, 3);
        for (int m = 0; m < MUTATIONS && text.len; m++) {
            size_t at = dice_below(&d, (uint32_t)text.len);
            char was = text.ptr[at];
            text.ptr[at] = bytes[dice_below(&d, sizeof(bytes) - 1)];
            check_alike(buf_slice(&text));
            check_alike(slice_to(buf_slice(&text), at));
            if (m % 2)
                text.ptr[at] = was;
        }
        buf_deinit(&text);
    }
}

CASES(RUN(random_texts_mean_the_same), RUN(broken_texts_are_judged_alike))
