/* redis_uri: the last '@' ends the password, because people forget to encode one in it. */
#include "wire/redis_uri.h"

#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "wire/url.h"

enum { PORT = 6379, DATABASE_MAX = 65535 };

static char *redis_uri_decoded(struct slice text)
{
    struct buf b;

    buf_init(&b, 0);
    url_decode(text, false, &b);
    return buf_take(&b);
}

static bool redis_uri_read_number(struct slice text, unsigned max, unsigned *ret)
{
    unsigned n = 0;

    if (!text.len || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *ret = n;
    return n <= max;
}

static bool read_people(struct slice *rest, struct redis_uri *u)
{
    struct slice user, password = {NULL, 0};
    size_t at = rest->len;

    while (at && rest->ptr[at - 1] != '@')
        at--;
    if (!at)
        return true;
    struct slice people = slice_to(*rest, at - 1);
    *rest = slice_from(*rest, at);
    if (!slice_cut(people, ':', &user, &password))
        return false;
    if (user.len)
        u->user = redis_uri_decoded(user);
    u->password = redis_uri_decoded(password);
    return password.len > 0;
}

static bool read_place(struct slice text, struct redis_uri *u)
{
    struct slice host = text, port = {NULL, 0};
    unsigned number = PORT;

    if (text.len && text.ptr[0] == '[') {
        if (!slice_cut(slice_from(text, 1), ']', &host, &port))
            return false;
        if (port.len && port.ptr[0] != ':')
            return false;
        port = port.len ? slice_from(port, 1) : port;
        if (slice_from(text, host.len + 2).len && !port.len)
            return false;
    } else if (slice_cut(text, ':', &host, &port) && !port.len) {
        return false;
    }
    if (!host.len || (port.len && (!redis_uri_read_number(port, UINT16_MAX, &number) || !number)))
        return false;
    u->host = mem_copy(host.ptr, host.len);
    u->port = (uint16_t)number;
    return true;
}

static bool read_unix(struct slice rest, struct redis_uri *u)
{
    struct slice path = rest, query, name, value;

    if (slice_cut(rest, '?', &path, &query)) {
        while (url_next_pair(&query, &name, &value)) {
            if (!slice_is(name, "db") || !redis_uri_read_number(value, DATABASE_MAX, &u->database))
                return false;
        }
    }
    if (path.len < 2 || path.ptr[0] != '/')
        return false;
    u->path = mem_copy(path.ptr, path.len);
    return true;
}

int redis_uri_parse(struct slice text, struct redis_uri *ret)
{
    struct slice scheme, rest, place, database;

    *ret = (struct redis_uri){0};
    if (!slice_cut(text, ':', &scheme, &rest) || !slice_starts(rest, "//"))
        return REDIS_URI_BAD;
    rest = slice_from(rest, 2);
    if (slice_is(scheme, "rediss"))
        return REDIS_URI_TLS;
    if (slice_is(scheme, "unix"))
        return read_unix(rest, ret) ? REDIS_URI_OK : REDIS_URI_BAD;
    if (!slice_is(scheme, "redis") || !read_people(&rest, ret))
        return REDIS_URI_BAD;
    place = rest;
    if (slice_cut(rest, '/', &place, &database) && database.len &&
        !redis_uri_read_number(database, DATABASE_MAX, &ret->database))
        return REDIS_URI_BAD;
    return read_place(place, ret) ? REDIS_URI_OK : REDIS_URI_BAD;
}

static void redis_uri_forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    mem_free(secret);
}

void redis_uri_deinit(struct redis_uri *u)
{
    mem_free(u->host);
    mem_free(u->path);
    mem_free(u->user);
    redis_uri_forget(u->password);
    *u = (struct redis_uri){0};
}
