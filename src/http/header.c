/* header: written and looked for in answers that are being made. */
#include "http/header.h"

void http_header_add(struct buf *extra, const char *name, struct slice value)
{
    buf_add_text(extra, name);
    buf_add_text(extra, ": ");
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.ptr[i] >= 0x20 && value.ptr[i] != 0x7f) || value.ptr[i] == '\t')
            buf_add_byte(extra, (uint8_t)value.ptr[i]);
    buf_add_text(extra, "\r\n");
}

bool http_header_has(struct slice lines, const char *name)
{
    struct slice line, key, value;

    while (slice_cut(lines, '\n', &line, &lines))
        if (slice_cut(line, ':', &key, &value) && slice_is_nocase(key, name))
            return true;
    return false;
}
