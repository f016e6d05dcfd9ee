/* json_read: JSON text to MessagePack, by jansson.
 *
 * jansson builds a tree before we see anything, and some texts make trees a hundred times their size. So the text is scanned
 * first, outside its strings: how deep it nests and what its tree would cost. The scan also finds whole numbers past
 * int64, which jansson refuses and we want as floats; they get a ".0" in a copy of the text. Any thread. */
#include <jansson.h>
#include <stdio.h>

#include "wire/json.h"
#include "wire/mp.h"

/* What jansson allocates, at most. */
enum {
    TREE_CONTAINER_BYTES = 256, /* for an empty array or object */
    TREE_ITEM_BYTES = 64,       /* for a scalar and its place in an array */
    TREE_PAIR_BYTES = 128,      /* for a scalar, its key and its place in an object */
    LONG_DIGITS = 19,           /* INT64_MAX has so many */
};
static const size_t TREE_MAX_BYTES = (size_t)256 << 20;

struct shape {
    size_t tree_bytes;
    unsigned depth;
    bool has_long_number;
};

/* From the opening quote of a string to the byte behind its end. */
static size_t string_end(struct slice text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++)
        at += text.ptr[at] == '\\';
    return at < text.len ? at + 1 : text.len;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_end(struct slice text, size_t at)
{
    while (at < text.len && is_digit(text.ptr[at]))
        at++;
    return at;
}

/* Cheap and forgiving: what is wrong with the text is jansson's to say. */
static struct shape shape_of(struct slice text)
{
    struct shape s = {TREE_ITEM_BYTES, 0, false};
    uint64_t objects = 0; /* a bit per open container, the innermost lowest: is it an object */
    unsigned depth = 0;

    for (size_t at = 0; at < text.len;) {
        char c = text.ptr[at];
        if (c == '"') {
            at = string_end(text, at);
            continue;
        }
        if (is_digit(c)) {
            size_t end = digits_end(text, at);
            s.has_long_number = s.has_long_number || end - at >= LONG_DIGITS;
            at = end;
            continue;
        }
        if (c == '[' || c == '{') {
            depth++;
            s.depth = depth > s.depth ? depth : s.depth;
            objects = objects << 1 | (c == '{');
            s.tree_bytes += TREE_CONTAINER_BYTES;
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
            objects >>= 1;
        } else if (c == ',') {
            s.tree_bytes += objects & 1 ? TREE_PAIR_BYTES : TREE_ITEM_BYTES;
        }
        at++;
    }
    return s;
}

/* A run of at least LONG_DIGITS digits; leading zeros are no JSON and need not be counted. */
static bool is_past_int64(struct slice digits, bool is_negative)
{
    struct slice most =
        is_negative ? SLICE_LIT("9223372036854775808") : SLICE_LIT("9223372036854775807");

    return digits.len > most.len || slice_order(digits, most) > 0;
}

/* From the first digit of a number to the byte behind its last sign, digit or letter. */
static size_t number_end(struct slice text, size_t at)
{
    while (at < text.len && text.ptr[at] && strchr("0123456789.eE+-", text.ptr[at]))
        at++;
    return at;
}

/* The text with ".0" behind every whole number past int64. */
static void widen_numbers(struct slice text, struct buf *out)
{
    for (size_t at = 0, end; at < text.len; at = end) {
        bool is_number = is_digit(text.ptr[at]);
        end = text.ptr[at] == '"' ? string_end(text, at)
              : is_number         ? number_end(text, at)
                                  : at + 1;
        struct slice piece = slice_make(text.ptr + at, end - at);
        buf_add_slice(out, piece);
        if (!is_number || piece.len < LONG_DIGITS || digits_end(text, at) != end)
            continue;
        if (is_past_int64(piece, at && text.ptr[at - 1] == '-'))
            buf_add_text(out, ".0");
    }
}

static void add_value(json_t *v, struct buf *out);

static void add_object(json_t *v, struct buf *out)
{
    mp_add_map(out, (uint32_t)json_object_size(v));
    for (void *it = json_object_iter(v); it; it = json_object_iter_next(v, it)) {
        mp_add_text(out, json_object_iter_key(it));
        add_value(json_object_iter_value(it), out);
    }
}

/* Depth is bounded by the scan. */
static void add_value(json_t *v, struct buf *out)
{
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
        for (size_t i = 0; i < json_array_size(v); i++)
            add_value(json_array_get(v, i), out);
        break;
    case JSON_OBJECT:
        add_object(v, out);
        break;
    }
}

static int fail(char *ret_error, const char *text)
{
    if (ret_error)
        snprintf(ret_error, JSON_ERROR_MAX, "%s", text);
    return JSON_SYNTAX;
}

static int tree_load(struct slice text, json_t **ret_tree, char *ret_error)
{
    json_error_t e;
    json_t *tree =
        json_loadb(text.ptr ? text.ptr : "", text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);

    if (!tree) {
        if (json_error_code(&e) == json_error_out_of_memory)
            return JSON_NO_MEMORY;
        if (ret_error)
            snprintf(ret_error, JSON_ERROR_MAX, "%.110s: line %d column %d", e.text, e.line,
                     e.column);
        return JSON_SYNTAX;
    }
    *ret_tree = tree;
    return JSON_OK;
}

int json_to_mp(struct slice text, struct buf *out, char ret_error[JSON_ERROR_MAX])
{
    struct buf widened;
    json_t *tree;

    if (slice_starts(text, "\xef\xbb\xbf"))
        text = slice_from(text, 3);
    struct shape shape = shape_of(text);
    if (shape.depth > JSON_MAX_DEPTH)
        return fail(ret_error, "nested too deeply");
    if (shape.tree_bytes > TREE_MAX_BYTES)
        return fail(ret_error, "too many values");

    buf_init(&widened, 0);
    if (shape.has_long_number) {
        widen_numbers(text, &widened);
        text = buf_slice(&widened);
    }
    int r = widened.is_failed ? JSON_NO_MEMORY : tree_load(text, &tree, ret_error);
    buf_deinit(&widened);
    if (r != JSON_OK)
        return r;
    size_t before = out->len;
    add_value(tree, out);
    json_decref(tree);
    if (out->is_failed) {
        out->len = before;
        return JSON_NO_MEMORY;
    }
    return JSON_OK;
}
