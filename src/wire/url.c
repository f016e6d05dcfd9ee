/* url: request targets and query strings. Delimiters are found in the encoded text and pieces are
 * decoded afterwards, so an encoded delimiter never splits anything. Any thread. */
#include "wire/url.h"

#include "wire/utf8.h"

static int url_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The bytes at the front that stand for themselves. */
static size_t url_plain_prefix(struct slice text, bool plus_is_blank)
{
    size_t n = 0;

    while (n < text.len && text.ptr[n] != '%' && !(plus_is_blank && text.ptr[n] == '+'))
        n++;
    return n;
}

static void decode_bytes(struct slice text, bool plus_is_blank, struct buf *out)
{
    while (text.len) {
        size_t n = url_plain_prefix(text, plus_is_blank);
        buf_add(out, text.ptr, n);
        text = slice_from(text, n);
        if (!text.len)
            return;
        bool is_code = text.ptr[0] == '%' && text.len > 2 && url_hex_digit(text.ptr[1]) >= 0 &&
                       url_hex_digit(text.ptr[2]) >= 0;
        if (is_code)
            buf_add_byte(out,
                         (uint8_t)(url_hex_digit(text.ptr[1]) << 4 | url_hex_digit(text.ptr[2])));
        else
            buf_add_byte(out, text.ptr[0] == '+' ? ' ' : '%');
        text = slice_from(text, is_code ? 3 : 1);
    }
}

void url_decode(struct slice text, bool plus_is_blank, struct buf *out)
{
    SCRATCH_BUF(bytes, 0);

    if (url_plain_prefix(text, plus_is_blank) == text.len) {
        utf8_add(out, text);
        return;
    }
    decode_bytes(text, plus_is_blank, &bytes);
    if (bytes.is_failed)
        out->is_failed = true;
    else
        utf8_add(out, buf_slice(&bytes));
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void url_encode(struct slice text, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (is_unreserved((char)c))
            buf_add_byte(out, c);
        else
            buf_add(out, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
}

/* `http://host:port/path` without everything before the path; a target that is only an authority
 * has the path "/". */
static struct slice drop_authority(struct slice target)
{
    const char *at = target.len ? memmem(target.ptr, target.len, "://", 3) : NULL;

    if (!at || target.ptr[0] == '/' ||
        slice_has_byte(slice_to(target, (size_t)(at - target.ptr)), '?'))
        return target;
    struct slice rest = slice_from(target, (size_t)(at - target.ptr) + 3);
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] == '/' || rest.ptr[i] == '?')
            return slice_from(rest, i);
    }
    return SLICE_LIT("/");
}

void url_split_target(struct slice target, struct slice *ret_path, struct slice *ret_query)
{
    struct slice fragment;

    slice_cut(target, '#', &target, &fragment);
    target = drop_authority(target);
    *ret_path = target;
    *ret_query = (struct slice){NULL, 0};
    slice_cut(target, '?', ret_path, ret_query);
    if (!ret_path->len)
        *ret_path = SLICE_LIT("/");
}

bool url_next_pair(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
    while (rest->len) {
        struct slice piece = *rest;
        if (!slice_cut(*rest, '&', &piece, rest))
            *rest = (struct slice){NULL, 0};
        if (!piece.len)
            continue;
        *ret_name = piece;
        *ret_value = (struct slice){NULL, 0};
        slice_cut(piece, '=', ret_name, ret_value);
        return true;
    }
    return false;
}

bool url_query_find(struct slice query, const char *name, struct buf *out)
{
    struct slice name_raw, value_raw, found = {NULL, 0};
    bool is_found = false;
    SCRATCH_BUF(decoded, 0);

    while (url_next_pair(&query, &name_raw, &value_raw)) {
        bool is_plain = url_plain_prefix(name_raw, true) == name_raw.len;
        buf_clear(&decoded);
        if (!is_plain)
            url_decode(name_raw, true, &decoded);
        if (!slice_is(is_plain ? name_raw : buf_slice(&decoded), name))
            continue;
        is_found = true;
        found = value_raw;
    }
    if (is_found)
        url_decode(found, true, out);
    return is_found;
}
