/* text_engine: what engines and the index have in common. */
#include "store/text_engine.h"

#include "base/held.h"

static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

bool text_word_next(struct slice *in, struct slice *ret)
{
    size_t n = 0;

    while (in->len && !is_word_byte(in->ptr[0]))
        *in = slice_from(*in, 1);
    while (n < in->len && is_word_byte(in->ptr[n]))
        n++;
    *ret = slice_utf8_prefix(slice_to(*in, n), TEXT_INDEX_WORD_MAX);
    *in = slice_from(*in, n);
    return n > 0;
}

bool text_matches_add(struct text_matches *m, struct text_match match)
{
    if (m->n == m->n_room) {
        size_t room = m->n_room ? m->n_room * 2 : 64;
        struct text_match *grown = held_resize(m->items, room * sizeof(*grown), m->payer);
        if (!grown)
            return false;
        m->items = grown;
        m->n_room = room;
    }
    m->items[m->n++] = match;
    return true;
}
