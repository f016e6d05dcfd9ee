/* service_id: the forms in which callers name a service, and the one in which it is registered. The
 * two split differently on purpose: a registered name may itself hold '/' and ':'. Any thread. */
#include "wire/address.h"

static size_t count_byte(struct slice s, char byte)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += s.ptr[i] == byte;
    return n;
}

/* Cuts `head byte rest` off *text when the byte is there; false when either side of it is empty. */
static bool cut_part(struct slice *text, char byte, struct slice *ret_head)
{
    struct slice head, tail;

    if (!slice_cut(*text, byte, &head, &tail))
        return true;
    *ret_head = head;
    *text = tail;
    return head.len && tail.len;
}

int service_id_parse(struct slice text, struct service_id *ret)
{
    struct service_id id = {.client = SLICE_LIT("*"), .app = SLICE_LIT("*")};
    struct slice before_app;

    if (count_byte(text, '/') > 1)
        return SERVICE_ID_MANY_SLASHES;
    if (count_byte(text, ':') > 1)
        return SERVICE_ID_MANY_COLONS;
    if (count_byte(text, '@') > 1)
        return SERVICE_ID_MANY_ATS;
    id.name = text;
    if (slice_cut(text, '@', &before_app, &id.app)) {
        if (!id.app.len)
            return SERVICE_ID_EMPTY;
        id.name = before_app;
    }
    if (!id.name.len || !cut_part(&id.name, '/', &id.workspace) ||
        !cut_part(&id.name, ':', &id.client))
        return SERVICE_ID_EMPTY;
    if (slice_is(text, "*"))
        return SERVICE_ID_WILDCARD;
    id.is_manager =
        slice_is(id.name, "~") && !slice_has_byte(text, ':') && !slice_has_byte(text, '@');
    id.is_glob = (glob_is(id.client) && !slice_is(id.client, "*")) || glob_is(id.name) ||
                 (glob_is(id.app) && !slice_is(id.app, "*"));
    *ret = id;
    return SERVICE_ID_OK;
}

bool service_id_split_registered(struct slice text, struct service_id *ret)
{
    struct service_id id = {.app = SLICE_LIT("*")};
    struct slice before, workspace, client;

    if (!slice_cut(text, ':', &before, &id.name))
        return false;
    id.client = before;
    if (slice_cut(before, '/', &workspace, &client)) {
        id.workspace = workspace;
        id.client = client;
    }
    *ret = id;
    return true;
}

bool glob_is(struct slice text)
{
    return slice_has_byte(text, '*') || slice_has_byte(text, '?');
}

/* Whether the piece, which has no star, stands at the start of the text. */
static bool piece_fits(struct slice piece, struct slice text)
{
    struct slice run, rest;

    if (text.len < piece.len)
        return false;
    while (slice_cut(piece, '?', &run, &rest)) {
        if (!slice_eq(slice_to(text, run.len), run))
            return false;
        text = slice_from(text, run.len + 1);
        piece = rest;
    }
    return slice_eq(slice_to(text, piece.len), piece);
}

/* Where the piece stands first; text.len + 1 when nowhere. */
static size_t piece_find(struct slice piece, struct slice text)
{
    if (!slice_has_byte(piece, '?')) {
        const char *at = text.len ? memmem(text.ptr, text.len, piece.ptr, piece.len) : NULL;
        return at ? (size_t)(at - text.ptr) : text.len + 1;
    }
    for (size_t at = 0; at + piece.len <= text.len; at++) {
        if (piece_fits(piece, slice_from(text, at)))
            return at;
    }
    return text.len + 1;
}

/* Leftmost placing of each piece between stars is enough: whatever a later placing would allow, the
 * earlier one allows too. So nothing is ever tried twice. */
bool glob_match(struct slice pattern, struct slice text)
{
    struct slice piece, rest;

    if (!slice_cut(pattern, '*', &piece, &rest))
        return text.len == pattern.len && piece_fits(pattern, text);
    if (!piece_fits(piece, text))
        return false;
    text = slice_from(text, piece.len);
    while (slice_cut(rest, '*', &piece, &rest)) {
        if (!piece.len)
            continue;
        size_t at = piece_find(piece, text);
        if (at > text.len)
            return false;
        text = slice_from(text, at + piece.len);
    }
    return text.len >= rest.len && piece_fits(rest, slice_from(text, text.len - rest.len));
}
