/* rule: the grammar of single texts. The folder of a static mount is looked at here, because a
 * mount without its folder is wrong whatever else holds; what depends on two options is in
 * cross.c. */
#include "config/rule.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/slice.h"
#include "config/arena.h"
#include "config/config.h"

enum {
    SERVER_ID_MAX = 64,
    HOST_MAX = 253,
    ROOT_TOKEN_MIN = 32,
    ROOT_TOKEN_LONG = 64,
    ROOT_TOKEN_VARIED = 12
};

static bool rule_refuse(struct rule_case *c, const char *want)
{
    c->want = want;
    return false;
}

bool rule_path(struct rule_case *c)
{
    if (c->text[0] != '/')
        c->normal =
            arena_fmt(c->arena, "%s/%s", strcmp(c->base_dir, "/") ? c->base_dir : "", c->text);
    return true;
}

bool rule_data_dir(struct rule_case *c)
{
    return strcmp(c->text, ":memory:") == 0 || rule_path(c);
}

bool rule_host(struct rule_case *c)
{
    size_t n = strlen(c->text);
    struct in6_addr address;

    if (strchr(c->text, ':'))
        return inet_pton(AF_INET6, c->text, &address) == 1 ||
               rule_refuse(c, "an IPv4 or IPv6 address or a name, no brackets");
    for (size_t i = 0; i < n; i++) {
        char ch = c->text[i];
        if (!isalnum((unsigned char)ch) && !strchr("-._", ch))
            return rule_refuse(c, "an IPv4 or IPv6 address or a name");
    }
    return n <= HOST_MAX || rule_refuse(c, "at most 253 characters");
}

bool rule_parse_cidr(const char *text, struct config_cidr *ret_cidr)
{
    struct slice address, bits;
    char host[INET6_ADDRSTRLEN + 1];
    struct in_addr v4;
    struct config_cidr cidr = {.n_bits = 128};
    unsigned n_skipped = 0;

    if (!slice_cut(slice_of(text), '/', &address, &bits)) {
        address = slice_of(text);
        bits = slice_make(NULL, 0);
    } else if (bits.len == 0 || bits.len > 3) {
        return false;
    }
    if (address.len >= sizeof(host))
        return false;
    memcpy(host, address.ptr, address.len);
    host[address.len] = 0;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        memset(cidr.address.s6_addr + 10, 0xff, 2);
        memcpy(cidr.address.s6_addr + 12, &v4, 4);
        n_skipped = 96;
    } else if (inet_pton(AF_INET6, host, &cidr.address) != 1) {
        return false;
    }
    if (bits.len > 0) {
        cidr.n_bits = 0;
        for (size_t i = 0; i < bits.len; i++) {
            if (!isdigit((unsigned char)bits.ptr[i]))
                return false;
            cidr.n_bits = cidr.n_bits * 10 + (unsigned)(bits.ptr[i] - '0');
        }
        cidr.n_bits += n_skipped;
        if (cidr.n_bits > 128)
            return false;
    }
    *ret_cidr = cidr;
    return true;
}

bool rule_cidr(struct rule_case *c)
{
    struct config_cidr cidr;

    if (strcmp(c->text, "*") == 0) { /* uvicorn's word for every proxy */
        c->normal = "::/0";
        return true;
    }
    return rule_parse_cidr(c->text, &cidr) || rule_refuse(c, "networks such as 10.0.0.0/8, ::1");
}

bool rule_base_path(struct rule_case *c)
{
    struct slice s = slice_of(c->text), rest = s, part;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char ch = (unsigned char)s.ptr[i];
        if (ch <= 0x20 || ch >= 0x7f || strchr("?#\"<>\\%", ch))
            return rule_refuse(c, "a path such as /my/engine");
    }
    while (s.len > 0 && s.ptr[0] == '/')
        s = slice_from(s, 1);
    while (s.len > 0 && s.ptr[s.len - 1] == '/')
        s.len--;
    rest = s;
    while (s.len > 0 && rest.len > 0) {
        if (!slice_cut(rest, '/', &part, &rest)) {
            part = rest;
            rest.len = 0;
        }
        if (part.len == 0 || slice_is(part, ".") || slice_is(part, ".."))
            return rule_refuse(c, "a path without empty, . and .. segments");
    }
    c->normal = arena_fmt(c->arena, "/" SLICE_FMT, SLICE_ARG(s));
    return true;
}

/* The bytes after a leading "http://" or "https://"; empty when neither leads. */
static struct slice after_scheme(struct slice url)
{
    if (slice_starts(url, "http://"))
        return slice_from(url, 7);
    if (slice_starts(url, "https://"))
        return slice_from(url, 8);
    return slice_make(url.ptr, 0);
}

static bool is_plain_url(struct slice rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        unsigned char ch = (unsigned char)rest.ptr[i];
        if (ch <= 0x20 || ch >= 0x7f || strchr("?#\"<>\\", ch))
            return false;
    }
    return rest.len > 0 && rest.ptr[0] != '/' && rest.ptr[0] != ':';
}

bool rule_base_url(struct rule_case *c)
{
    struct slice s = slice_of(c->text);

    if (!is_plain_url(after_scheme(s)))
        return rule_refuse(c, "http://HOST... or https://HOST..., no query");
    while (s.len > 0 && s.ptr[s.len - 1] == '/')
        s.len--;
    c->normal = arena_text(c->arena, s);
    return true;
}

/* RFC 9110 token: what may name a header or a cookie. */
bool rule_header_name(struct rule_case *c)
{
    for (const char *at = c->text; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr("!#$%&'*+-.^_`|~", *at))
            return rule_refuse(c, "names of headers or cookies");
    }
    return true;
}

bool rule_https_url(struct rule_case *c)
{
    if (!slice_starts(slice_of(c->text), "https://"))
        return rule_refuse(c, "https://HOST..., no query");
    return rule_base_url(c);
}

bool rule_origin(struct rule_case *c)
{
    struct slice s = slice_of(c->text), head, tail, rest;

    if (slice_is(s, "*"))
        return true;
    if (!slice_cut(s, ':', &head, &tail) || head.len == 0 || !slice_starts(tail, "//"))
        return rule_refuse(c, "* or SCHEME://HOST[:PORT]");
    for (size_t i = 0; i < head.len; i++) {
        if (!isalnum((unsigned char)head.ptr[i]) && !strchr("+-.", head.ptr[i]))
            return rule_refuse(c, "* or SCHEME://HOST[:PORT]");
    }
    rest = slice_from(tail, 2);
    if (!is_plain_url(rest) || slice_has_byte(rest, '/'))
        return rule_refuse(c, "* or SCHEME://HOST[:PORT], without a path");
    return true;
}

bool rule_server_id(struct rule_case *c)
{
    size_t n = strlen(c->text);

    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)c->text[i];
        if (ch <= 0x20 || ch == 0x7f || strchr("/:@*?[]", ch))
            return rule_refuse(c, "a name without blanks and / : @ * ? [ ]");
    }
    return n <= SERVER_ID_MAX || rule_refuse(c, "at most 64 characters");
}

bool rule_database(struct rule_case *c)
{
    static const char want[] = "sqlite:///FILE, sqlite:////ABSOLUTE/FILE or sqlite://";
    struct slice s = slice_of(c->text), scheme, rest, base, driver;

    if (!slice_cut(s, ':', &scheme, &rest) || !slice_starts(rest, "//"))
        return rule_refuse(c, want);
    if (!slice_cut(scheme, '+', &base, &driver))
        base = scheme;
    if (slice_is(base, "postgresql") || slice_is(base, "postgres")) {
        c->message = "PostgreSQL: not built in (use sqlite:///FILE)";
        return false;
    }
    if (!slice_is(base, "sqlite") || slice_has_byte(rest, '?') || slice_has_byte(rest, '#'))
        return rule_refuse(c, want);
    rest = slice_from(rest, 2);
    if (rest.len == 0 || slice_is(rest, "/") || slice_is(rest, "/:memory:")) {
        c->normal = "sqlite:///:memory:";
        return true;
    }
    if (rest.ptr[0] != '/')
        return rule_refuse(c, want);
    struct rule_case path = {.text = arena_text(c->arena, slice_from(rest, 1)),
                             .base_dir = c->base_dir,
                             .arena = c->arena};
    path.normal = path.text;
    (void)rule_path(&path); /* takes every path */
    c->normal = arena_fmt(c->arena, "sqlite:///%s", path.normal);
    return true;
}

bool rule_mount(struct rule_case *c)
{
    static const char *const reserved[] = {
        "static",  "assets", "ws",    "rpc",      "s3",        "triton",       "health",
        "metrics", "login",  "oauth", "api-docs", "api-redoc", "openapi.json", "public"};
    struct slice name, dir;
    struct stat st;

    if (!slice_cut(slice_of(c->text), ':', &name, &dir) || name.len < 2 || name.ptr[0] != '/' ||
        dir.len == 0)
        return rule_refuse(c, "/NAME:DIR");
    name = slice_from(name, 1);
    for (size_t i = 0; i < name.len; i++) {
        if (!isalnum((unsigned char)name.ptr[i]) && !strchr("-._~", name.ptr[i]))
            return rule_refuse(c,
                               "/NAME:DIR, where NAME is one segment of letters, digits and -._~");
    }
    if (slice_is(name, ".") || slice_is(name, ".."))
        return rule_refuse(c, "/NAME:DIR");
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        if (slice_is(name, reserved[i])) {
            c->message =
                arena_fmt(c->arena, "/" SLICE_FMT " is a route of the server (choose another name)",
                          SLICE_ARG(name));
            return false;
        }
    }
    struct rule_case path = {
        .text = arena_text(c->arena, dir), .base_dir = c->base_dir, .arena = c->arena};
    path.normal = path.text;
    (void)rule_path(&path); /* takes every path */
    if (stat(path.normal, &st) < 0 || !S_ISDIR(st.st_mode)) {
        c->message = arena_fmt(c->arena, "%s is not a folder", path.normal);
        return false;
    }
    c->normal = arena_fmt(c->arena, "/" SLICE_FMT ":%s", SLICE_ARG(name), path.normal);
    return true;
}

bool rule_redis_uri(struct rule_case *c)
{
    struct slice s = slice_of(c->text), head, tail;

    if (!slice_cut(s, ':', &head, &tail) || !slice_starts(tail, "//") || tail.len == 2 ||
        (!slice_is(head, "redis") && !slice_is(head, "rediss") && !slice_is(head, "unix")))
        return rule_refuse(c, "redis://, rediss:// or unix://");
    return true;
}

bool rule_smtp_url(struct rule_case *c)
{
    struct slice s = slice_of(c->text), head, tail;

    if (!slice_cut(s, ':', &head, &tail) || !slice_starts(tail, "//") || tail.len == 2 ||
        (!slice_is(head, "smtp") && !slice_is(head, "smtps")))
        return rule_refuse(c, "smtp:// or smtps://");
    return true;
}

/* It becomes the header of every mail as it stands. */
bool rule_mail_from(struct rule_case *c)
{
    const char *open = strchr(c->text, '<'), *end = c->text + strlen(c->text);
    const char *address = open ? open + 1 : c->text, *at = strchr(address, '@');
    const char *stop = open ? end - 1 : end;

    for (const char *p = c->text; *p; p++) {
        if (*p < ' ' || *p > '~')
            return rule_refuse(c, "plain ASCII: name@host or Name <name@host>");
    }
    if ((open && *stop != '>') || !at || at == address || at + 1 >= stop ||
        strcspn(address, " <>,;:\"()[]\\") < (size_t)(stop - address))
        return rule_refuse(c, "name@host or Name <name@host>");
    return true;
}

bool rule_store(struct rule_case *c)
{
    struct slice s = slice_of(c->text), head, tail;

    if (slice_is(s, "sqlite"))
        return true;
    if (slice_starts(s, "rediss://")) {
        c->message = "rediss: not built in (use redis:// or unix://)";
        return false;
    }
    if (!slice_cut(s, ':', &head, &tail) || !slice_starts(tail, "//") || tail.len == 2 ||
        (!slice_is(head, "redis") && !slice_is(head, "unix")))
        return rule_refuse(c, "sqlite, redis://HOST or unix:///SOCKET");
    return true;
}

static size_t count_distinct(const char *text)
{
    bool seen[256] = {false};
    size_t n = 0;

    for (; *text; text++) {
        n += !seen[(unsigned char)*text];
        seen[(unsigned char)*text] = true;
    }
    return n;
}

/* Two in a hundred random tokens of 48 hex digits hold a word of three characters, so those count
 * only where there is little variety besides. */
bool rule_root_token(struct rule_case *c)
{
    static const char *const simple[] = {"test",   "root",  "admin",   "password", "token",
                                         "secret", "hypha", "default", "123",      "abc"};
    size_t n = strlen(c->text);
    bool is_varied = count_distinct(c->text) >= ROOT_TOKEN_VARIED;

    if (n < ROOT_TOKEN_MIN) {
        c->message = "Root token must be at least 32 characters long for security.";
        return false;
    }
    for (size_t i = 0; n < ROOT_TOKEN_LONG && i < ARRAY_LEN(simple); i++) {
        bool is_short = strlen(simple[i]) <= 3;
        if (strcasestr(c->text, simple[i]) && !(is_short && is_varied)) {
            c->message = arena_fmt(c->arena, "Root token appears to be too simple (contains '%s').",
                                   simple[i]);
            return false;
        }
    }
    return true;
}

bool rule_log_level(struct rule_case *c)
{
    struct slice subject;
    enum log_level level;

    return log_levels_parse(slice_of(c->text), &subject, &level) ||
           rule_refuse(c, "SUBJECT=LEVEL, a subject of the log such as peer, http or store");
}

bool config_split_listen(const char *text, char ret_host[CONFIG_HOST_MAX], uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':'), *host = text;
    size_t n = colon ? (size_t)(colon - text) : 0;
    struct rule_case c = {.text = ret_host};
    unsigned long port;
    char *end;

    if (!colon || !isdigit((unsigned char)colon[1]))
        return false;
    port = strtoul(colon + 1, &end, 10);
    if (*end || port > UINT16_MAX)
        return false;
    bool is_bracketed = n >= 2 && host[0] == '[' && host[n - 1] == ']';
    if (is_bracketed) {
        host++;
        n -= 2;
    }
    if (n >= CONFIG_HOST_MAX)
        return false;
    memcpy(ret_host, host, n);
    ret_host[n] = '\0';
    *ret_port = (uint16_t)port;
    return is_bracketed == (strchr(ret_host, ':') != NULL) && (!n || rule_host(&c));
}

int config_wildcard_family(const char *host)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (!host || !*host)
        return AF_INET;
    if (inet_aton(host, &v4)) /* "0" and "0x0" too: the listener's getaddrinfo takes them */
        return v4.s_addr == htonl(INADDR_ANY) ? AF_INET : AF_UNSPEC;
    if (inet_pton(AF_INET6, host, &v6) != 1)
        return AF_UNSPEC;
    if (IN6_IS_ADDR_UNSPECIFIED(&v6))
        return AF_INET6;
    return IN6_IS_ADDR_V4MAPPED(&v6) && !v6.s6_addr32[3] ? AF_INET : AF_UNSPEC;
}

bool rule_listen(struct rule_case *c)
{
    char host[CONFIG_HOST_MAX];
    uint16_t port;

    return config_split_listen(c->text, host, &port) ||
           rule_refuse(c, "ADDR:PORT, of IPv6 [ADDR]:PORT");
}
