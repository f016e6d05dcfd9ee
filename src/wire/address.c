/* address: `workspace/client`, resolved once where a frame comes in. Whoever holds a struct address
 * need not look at slashes or stars again. Any thread. */
#include "wire/address.h"

#include <stdint.h>

#include "wire/utf8.h"

bool address_split(struct slice absolute, struct address *ret)
{
    struct address a;

    if (!slice_cut(absolute, '/', &a.workspace, &a.client) || slice_has_byte(a.client, '/'))
        return false;
    if (!a.workspace.len || !a.client.len)
        return false;
    *ret = a;
    return true;
}

/* A star is a whole part, or the workspace of a manager. */
static int resolve_star(struct address a, struct slice own)
{
    bool is_any_workspace = slice_is(a.workspace, "*");

    if (!is_any_workspace && slice_has_byte(a.workspace, '*'))
        return ADDRESS_BAD;
    if (slice_is(a.client, "*"))
        return slice_eq(a.workspace, own) ? ADDRESS_BROADCAST : ADDRESS_FOREIGN_BROADCAST;
    return !slice_has_byte(a.client, '*') && slice_starts(a.client, "manager-") ? ADDRESS_CLIENT
                                                                                : ADDRESS_BAD;
}

int address_resolve(struct slice to, struct slice own, struct address *ret)
{
    struct address a = {own, to};
    int kind = ADDRESS_CLIENT;

    if (!to.len || (slice_has_byte(to, '/') && !address_split(to, &a)))
        return ADDRESS_BAD;
    if (slice_has_byte(to, '*'))
        kind = resolve_star(a, own);
    if (kind != ADDRESS_BAD)
        *ret = a;
    return kind;
}

/* White space and control characters as Unicode has them: an id full of U+2028 is no better than
 * one with a newline. */
static bool is_blank_or_control(uint32_t c)
{
    return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool client_id_is_valid(struct slice id)
{
    if (!id.len || id.len > CLIENT_ID_MAX)
        return false;
    while (id.len) {
        uint32_t c;
        if (!utf8_take(&id, &c) || is_blank_or_control(c) || utf8_is_invisible(c) ||
            (c < 0x80 && strchr("/:@*?[]", (int)c)))
            return false;
    }
    return true;
}

int workspace_id_check(struct slice id, bool is_root)
{
    if (!id.len)
        return WORKSPACE_ID_EMPTY;
    if (!is_root && !slice_has_byte(id, '-'))
        return WORKSPACE_ID_NO_HYPHEN;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '|')
            return WORKSPACE_ID_BAD_CHARACTER;
    }
    return id.len > WORKSPACE_ID_MAX ? WORKSPACE_ID_TOO_LONG : WORKSPACE_ID_OK;
}
