/* req: C-014 C-015 C-027 */
#include "config/rule.h"

#include "config/arena.h"
#include "config_kit.h"

struct row {
    const char *text;
    const char *normal; /* NULL: refused */
};

static void check_rows(bool (*rule)(struct rule_case *), const struct row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        struct arena arena = {0};
        struct rule_case c = {
            .text = rows[i].text, .normal = rows[i].text, .base_dir = "/base", .arena = &arena};
        bool is_good = rule(&c);
        if (is_good != (rows[i].normal != NULL))
            check_fail(__FILE__, __LINE__, "\"%s\" is %s", rows[i].text,
                       is_good ? "taken" : "refused");
        if (is_good)
            CHECK_TEXT(c.normal, rows[i].normal);
        else
            CHECK(c.want || c.message);
        arena_deinit(&arena);
    }
}

#define ROWS(rule, ...)                                                                            \
    do {                                                                                           \
        static const struct row rows_[] = {__VA_ARGS__};                                           \
        check_rows(rule, rows_, ARRAY_LEN(rows_));                                                 \
    } while (0)

CASE(paths)
{
    ROWS(rule_path, {"/a", "/a"}, {"a", "/base/a"}, {"./a", "/base/./a"});
    ROWS(rule_data_dir, {":memory:", ":memory:"}, {"x", "/base/x"});
    ROWS(rule_base_path, {"/", "/"}, {"//", "/"}, {"my/engine/", "/my/engine"}, {"/a", "/a"},
         {"/a/../b", NULL}, {"/a//b", NULL}, {"/.", NULL}, {"/a?b", NULL}, {"/a#b", NULL},
         {"/a b", NULL}, {"/..a", "/..a"});
}

CASE(addresses)
{
    ROWS(rule_host, {"127.0.0.1", "127.0.0.1"}, {"::", "::"}, {"::1", "::1"},
         {"localhost", "localhost"}, {"0.0.0.0", "0.0.0.0"}, {"[::1]", NULL}, {"a:1", NULL},
         {"a b", NULL}, {"a/b", NULL});
    ROWS(rule_cidr, {"10.0.0.0/8", "10.0.0.0/8"}, {"::1", "::1"}, {"fe80::/10", "fe80::/10"},
         {"*", "::/0"}, {"10.0.0.1", "10.0.0.1"}, {"10.0.0.0/33", NULL}, {"::/129", NULL},
         {"10.0.0/8", NULL}, {"10.0.0.0/", NULL}, {"10.0.0.0/8x", NULL}, {"host", NULL},
         {"10.0.0.0/-1", NULL}, {"10.0.0.0/0008", NULL});
}

CASE(urls)
{
    ROWS(rule_base_url, {"https://h.org", "https://h.org"}, {"http://h:1/a/", "http://h:1/a"},
         {"http://[::1]:9527", "http://[::1]:9527"}, {"ftp://h", NULL}, {"h.org", NULL},
         {"http://", NULL}, {"http:///a", NULL}, {"http://h?a", NULL}, {"http://h#a", NULL});
    ROWS(rule_origin, {"*", "*"}, {"http://a", "http://a"}, {"https://a:1", "https://a:1"},
         {"chrome-extension://x", "chrome-extension://x"}, {"a", NULL}, {"http://", NULL},
         {"http://a/b", NULL}, {"//a", NULL}, {"http:a", NULL});
    ROWS(rule_store, {"sqlite", "sqlite"}, {"redis://h", "redis://h"},
         {"unix:///s?db=2", "unix:///s?db=2"}, {"rediss://h", NULL}, {"http://h", NULL},
         {"redis:", NULL}, {"redis://", NULL}, {"", NULL}, {"memory", NULL});
    ROWS(rule_redis_uri, {"redis://h", "redis://h"}, {"rediss://:p@h:1/0", "rediss://:p@h:1/0"},
         {"unix:///s", "unix:///s"}, {"http://h", NULL}, {"redis:", NULL}, {"redis://", NULL},
         {"h", NULL});
    ROWS(rule_smtp_url, {"smtp://h", "smtp://h"}, {"smtps://u:p@h:465", "smtps://u:p@h:465"},
         {"http://h", NULL}, {"smtp:", NULL}, {"smtp://", NULL}, {"h", NULL});
}

CASE(senders)
{
    ROWS(rule_mail_from, {"a@b.org", "a@b.org"}, {"The Hub <a@b>", "The Hub <a@b>"}, {"a", NULL},
         {"@b", NULL}, {"a@", NULL}, {"The Hub <a@b", NULL}, {"a@b, c@d", NULL}, {"a b@c", NULL},
         {"The Hub <a@b>\r\nBcc: c@d", NULL}, {"<a@b> <c@d>", NULL}, {"M\xc3\xbc <a@b>", NULL});
}

CASE(databases)
{
    ROWS(rule_database, {"sqlite:////tmp/x.db", "sqlite:////tmp/x.db"},
         {"sqlite+aiosqlite:////tmp/x.db", "sqlite:////tmp/x.db"},
         {"sqlite:///x.db", "sqlite:////base/x.db"}, {"sqlite://", "sqlite:///:memory:"},
         {"sqlite:///:memory:", "sqlite:///:memory:"}, {"sqlite:///x?mode=ro", NULL},
         {"postgresql+asyncpg://u:p@h/d", NULL}, {"mysql://h", NULL}, {"/tmp/x.db", NULL},
         {"sqlite://x", NULL});
}

CASE(mounts)
{
    ROWS(rule_mount, {"/a:/tmp", "/a:/tmp"}, {"/a.b-c_d~:/", "/a.b-c_d~:/"}, {"a:/tmp", NULL},
         {"/a", NULL}, {"/:/tmp", NULL}, {"/a:", NULL}, {"/a/b:/tmp", NULL}, {"/..:/tmp", NULL},
         {"/metrics:/tmp", NULL}, {"/a:/nonexistent", NULL}, {"/a:/etc/passwd", NULL},
         {"/a:relative", NULL});
}

CASE(names_and_tokens)
{
    ROWS(rule_server_id, {"hub-1", "hub-1"}, {"a/b", NULL}, {"a b", NULL}, {"a:b", NULL},
         {"a*", NULL},
         {"0123456789012345678901234567890123456789012345678901234567890123",
          "0123456789012345678901234567890123456789012345678901234567890123"},
         {"01234567890123456789012345678901234567890123456789012345678901234", NULL});
    ROWS(rule_root_token, {"short", NULL}, {"zq7Kx9Lm2Vw4Nc6Bd8Fg1Hj3Pr5Ts0Y", NULL},
         {"zq7Kx9Lm2Vw4Nc6Bd8Fg1Hj3Pr5Ts0Yu", "zq7Kx9Lm2Vw4Nc6Bd8Fg1Hj3Pr5Ts0Yu"},
         {"zq7Kx9123w4Nc6Bd8Fg1abc3Pr5Ts0Yu", "zq7Kx9123w4Nc6Bd8Fg1abc3Pr5Ts0Yu"},
         {"abc0000000000000000000000000000000", NULL},
         {"123xyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyz", NULL},
         {"4f123d0e9a8b7c6f5e4dabc3f2e1d0c9b8a7f6e5d4c3b2a1",
          "4f123d0e9a8b7c6f5e4dabc3f2e1d0c9b8a7f6e5d4c3b2a1"},
         {"zq7Kx9Lm2VwPassWord8Fg1Hj3Pr5Ts0Yu", NULL},
         {"zq7Kx9Lm2Vw4Nc6Bd8Fg1Hj3Pr5Ts0Yuzq7Kx9Lm2Vw4Nc6Bd8Fg1Hj3testTs0Yu",
          "zq7Kx9Lm2Vw4Nc6Bd8Fg1Hj3Pr5Ts0Yuzq7Kx9Lm2Vw4Nc6Bd8Fg1Hj3testTs0Yu"});
    ROWS(rule_log_level, {"router=debug", "router=debug"}, {"router", NULL}, {"=debug", NULL},
         {"router=loud", NULL});
}

CASE(networks_are_parsed_into_the_mapped_form)
{
    struct config_cidr cidr;

    CHECK(rule_parse_cidr("10.1.2.3/8", &cidr));
    CHECK_INT(cidr.n_bits, 104);
    CHECK_INT(cidr.address.s6_addr[11], 0xff);
    CHECK_INT(cidr.address.s6_addr[12], 10);
    CHECK(rule_parse_cidr("fe80::/10", &cidr));
    CHECK_INT(cidr.n_bits, 10);
    CHECK(rule_parse_cidr("::1", &cidr));
    CHECK_INT(cidr.n_bits, 128);
    CHECK(rule_parse_cidr("0.0.0.0/0", &cidr));
    CHECK_INT(cidr.n_bits, 96);
}

CASE(wildcard_hosts)
{
    CHECK_INT(config_wildcard_family(NULL), AF_INET);
    CHECK_INT(config_wildcard_family(""), AF_INET);
    CHECK_INT(config_wildcard_family("0.0.0.0"), AF_INET);
    CHECK_INT(config_wildcard_family("0"), AF_INET);
    CHECK_INT(config_wildcard_family("::ffff:0.0.0.0"), AF_INET);
    CHECK_INT(config_wildcard_family("::"), AF_INET6);
    CHECK_INT(config_wildcard_family("0::0"), AF_INET6);
    CHECK_INT(config_wildcard_family("::1"), AF_UNSPEC);
    CHECK_INT(config_wildcard_family("0.0.0.1"), AF_UNSPEC);
    CHECK_INT(config_wildcard_family("localhost"), AF_UNSPEC);
}

CASES(RUN(wildcard_hosts), RUN(paths), RUN(addresses), RUN(urls), RUN(senders), RUN(databases),
      RUN(mounts), RUN(names_and_tokens), RUN(networks_are_parsed_into_the_mapped_form))
