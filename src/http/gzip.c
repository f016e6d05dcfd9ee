/* gzip: whole bodies, and bodies as they come in. Inflating stops at the cap, so a bomb costs the
 * cap and no more. Any thread. */
#include "http/gzip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/held.h"

enum { GZIP_WINDOW = 15 + 16, GZIP_STEP = 64 * 1024, GZIP_MAX_INPUT = 1 << 30 };

static int inflate_all(z_stream *z, size_t cap_bytes, struct buf *out)
{
    size_t start = out->len;

    for (;;) {
        char *at = buf_reserve(out, GZIP_STEP);
        if (!at)
            return HTTP_GZIP_NO_MEMORY;
        z->next_out = (Bytef *)at;
        z->avail_out = GZIP_STEP;
        int r = inflate(z, Z_NO_FLUSH);
        buf_grow(out, GZIP_STEP - z->avail_out);
        if (out->len - start > cap_bytes)
            return HTTP_GZIP_TOO_LARGE;
        if (r == Z_STREAM_END && z->avail_in == 0)
            return HTTP_GZIP_OK;
        if (r == Z_STREAM_END) /* members may follow each other (RFC 1952 2.2) */
            r = inflateReset(z);
        if (r != Z_OK)
            return r == Z_MEM_ERROR ? HTTP_GZIP_NO_MEMORY : HTTP_GZIP_CORRUPT;
    }
}

int http_gunzip(struct slice bytes, size_t cap_bytes, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)bytes.ptr, .avail_in = (uInt)bytes.len};

    if (bytes.len > GZIP_MAX_INPUT)
        return HTTP_GZIP_TOO_LARGE;
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return HTTP_GZIP_NO_MEMORY;
    int r = inflate_all(&z, cap_bytes, out);
    inflateEnd(&z);
    return r;
}

struct http_gunzip {
    z_stream z;
    bool is_at_end; /* of a member, or before the first */
};

static void *z_alloc(void *account, unsigned n, unsigned size)
{
    return held_new((size_t)n * size, account);
}

static void z_free(void *account, void *block)
{
    (void)account;
    held_free(block);
}

struct http_gunzip *http_gunzip_new(struct account *account)
{
    struct http_gunzip *g = held_new(sizeof(*g), account);

    if (!g)
        return NULL;
    g->z.zalloc = z_alloc;
    g->z.zfree = z_free;
    g->z.opaque = account;
    g->is_at_end = true;
    return inflateInit2(&g->z, GZIP_WINDOW) == Z_OK ? g : held_free(g);
}

struct http_gunzip *http_gunzip_free(struct http_gunzip *g)
{
    if (g)
        inflateEnd(&g->z);
    return held_free(g);
}

int http_gunzip_some(struct http_gunzip *g, struct slice packed, size_t n_most, struct buf *out,
                     size_t *ret_used)
{
    z_stream *z = &g->z;
    char *at = buf_reserve(out, n_most);
    int r = Z_OK;

    *ret_used = 0;
    if (!at)
        return HTTP_GZIP_NO_MEMORY;
    z->next_in = (Bytef *)packed.ptr;
    z->avail_in = packed.len < GZIP_MAX_INPUT ? (uInt)packed.len : GZIP_MAX_INPUT;
    size_t n_given = z->avail_in;
    z->next_out = (Bytef *)at;
    z->avail_out = (uInt)n_most;
    while (r == Z_OK && z->avail_out && (z->avail_in || !g->is_at_end)) {
        /* members may follow each other (RFC 1952 2.2) */
        if (g->is_at_end && (r = inflateReset(z)) != Z_OK)
            break;
        r = inflate(z, Z_NO_FLUSH);
        g->is_at_end = r == Z_STREAM_END;
        if (g->is_at_end)
            r = Z_OK;
    }
    buf_grow(out, n_most - z->avail_out);
    *ret_used = n_given - z->avail_in;
    /* that one: no more can be done with what it has */
    if (r != Z_OK && r != Z_BUF_ERROR)
        return r == Z_MEM_ERROR ? HTTP_GZIP_NO_MEMORY : HTTP_GZIP_CORRUPT;
    return g->is_at_end && *ret_used == packed.len ? HTTP_GZIP_OK : HTTP_GZIP_MORE;
}

bool http_gzip(struct slice bytes, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)bytes.ptr, .avail_in = (uInt)bytes.len};

    if (bytes.len > GZIP_MAX_INPUT ||
        deflateInit2(&z, 1, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t most = deflateBound(&z, (uLong)bytes.len);
    char *at = buf_reserve(out, most);
    if (at) {
        z.next_out = (Bytef *)at;
        z.avail_out = (uInt)most;
        ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END); /* deflateBound made room for all */
        buf_grow(out, most - z.avail_out);
    }
    deflateEnd(&z);
    return at != NULL;
}

static bool is_refused(struct slice parameters)
{
    struct slice name, value;

    if (!slice_cut(parameters, '=', &name, &value) || !slice_is_nocase(slice_trim(name), "q"))
        return false;
    value = slice_trim(value);
    if (!value.len || value.ptr[0] != '0')
        return false;
    for (size_t i = 1; i < value.len; i++)
        if (value.ptr[i] != '0' && value.ptr[i] != '.')
            return false;
    return true;
}

bool http_gzip_is_accepted(struct slice accept_encoding)
{
    bool any = false;

    while (accept_encoding.len) {
        struct slice piece, name, parameters = {NULL, 0};
        if (!slice_cut(accept_encoding, ',', &piece, &accept_encoding)) {
            piece = accept_encoding;
            accept_encoding.len = 0;
        }
        if (!slice_cut(piece, ';', &name, &parameters))
            name = piece;
        name = slice_trim(name);
        if (slice_is_nocase(name, "gzip") || slice_is_nocase(name, "x-gzip"))
            return !is_refused(parameters);
        if (slice_is(name, "*"))
            any = !is_refused(parameters);
    }
    return any;
}

bool http_gzip_suits(const char *content_type)
{
    static const char *const types[] = {
        "application/json",
        "application/javascript",
        "application/xml",
        "application/xhtml+xml",
        "application/ld+json",
        "application/manifest+json",
        "application/problem+json",
        "application/wasm",
        "image/svg+xml",
        "font/ttf",
        "font/otf",
    };
    struct slice type = slice_of(content_type), head, rest;

    if (slice_cut(type, ';', &head, &rest))
        type = head;
    type = slice_trim(type);
    if (slice_starts(type, "text/"))
        return !slice_is_nocase(type, "text/event-stream");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (slice_is_nocase(type, types[i]))
            return true;
    return false;
}
