/* log_line: values are cut, then escaped as JSON strings are, which both formats share. */
#include "base/log_line.h"

#include "base/buf.h"
#include "base/clock.h"

enum {
    VALUE_MAX = 1024,  /* bytes of a value as it is written */
    NUMBERS_MAX = 512, /* what a line keeps free: numbers are never left out */
    KEY_MAX = 64,      /* with what stands around a value */
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Characters that move what is shown, or are not shown: controls, separators of lines, marks of
 * direction, the invisible. */
static bool log_line_is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb);
}

/* The character at the head of valid UTF-8; *ret_len of its bytes. */
static uint32_t first_char(struct slice text, size_t *ret_len)
{
    uint8_t first = (uint8_t)text.ptr[0];
    size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? first : first & (0x7fu >> n);

    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((uint8_t)text.ptr[i] & 0x3f);
    *ret_len = n;
    return c;
}

static void log_line_add_escaped(struct buf *line, struct slice text, size_t most)
{
    size_t n, end = line->len + most;

    buf_add_byte(line, '"');
    for (; text.len && line->len < end; text = slice_from(text, n)) {
        uint32_t c = first_char(text, &n);
        if (c == '"' || c == '\\')
            buf_add_fmt(line, "\\%c", (int)c);
        else if (log_line_is_hidden(c))
            buf_add_fmt(line, "\\u%04x", (unsigned)c);
        else if (c >= 0xe0000) /* tags, and what is nobody's */
            buf_add_fmt(line, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                        0xdc00 + (c & 0x3ff));
        else
            buf_add(line, text.ptr, n);
    }
    buf_add_byte(line, '"');
}

static bool log_line_is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c <= 0x20 || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return text.len > 0;
}

static void log_line_add_text(struct buf *line, bool is_json, const char *key, struct slice text,
                              size_t most)
{
    text = slice_utf8_prefix(text, most);
    if (!slice_is_utf8(text))
        text = SLICE_LIT("(not utf-8)");
    buf_add_fmt(line, is_json ? ",\"%s\":" : " %s=", key);
    if (!is_json && log_line_is_plain(text))
        buf_add_slice(line, text);
    else
        log_line_add_escaped(line, text, most);
}

void log_line_add(struct buf *out, enum log_format format, const struct log_record *r)
{
    bool is_json = format == LOG_JSON;
    size_t end = out->len + LOG_LINE_MAX - NUMBERS_MAX;
    char ts[CLOCK_ISO_LEN + 1];

    clock_iso(clock_wall_ms(), ts);
    buf_add_fmt(out, is_json ? "{\"ts\":\"%s\"" : "ts=%s", ts);
    buf_add_fmt(out, is_json ? ",\"level\":\"%s\",\"subj\":\"%s\"" : " level=%s subj=%s",
                level_names[r->level], r->subject);
    log_line_add_text(out, is_json, "msg", slice_of(r->message), VALUE_MAX);
    for (size_t i = 0; i < r->n_fields; i++) {
        const struct log_field *f = &r->fields[i];
        size_t room = out->len + KEY_MAX < end ? end - out->len - KEY_MAX : 0;
        if (f->kind == LOG_FIELD_INT)
            buf_add_fmt(out, is_json ? ",\"%s\":%lld" : " %s=%lld", f->key, (long long)f->number);
        else if (room)
            log_line_add_text(out, is_json, f->key, f->text, room < VALUE_MAX ? room : VALUE_MAX);
    }
    buf_add_text(out, is_json ? "}\n" : "\n");
}
