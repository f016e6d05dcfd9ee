#include "wire/ip.h"

#include "harness/check.h"

static void check_round(const char *text, const char *wanted)
{
    char out[IP_TEXT_MAX];
    struct in6_addr ip;

    CHECK(ip_parse(text, &ip));
    ip_print(&ip, out);
    CHECK_TEXT(out, wanted);
}

CASE(two_spellings_of_an_address_are_one)
{
    check_round("192.0.2.7", "192.0.2.7");
    check_round("::ffff:192.0.2.7", "192.0.2.7");
    check_round("2001:db8:0:0:0:0:0:1", "2001:db8::1");
    check_round("2001:DB8::1", "2001:db8::1");
    check_round("::1", "::1");
}

CASE(what_is_no_address_is_refused_and_changes_nothing)
{
    static const char *const bad[] = {"",         " 1.2.3.4",   "1.2.3",     "1.2.3.4:80",
                                      "[::1]",    "1.2.3.4/24", "localhost", "::1%eth0",
                                      "1.2.3.4 ", "01.2.3.4",   "256.1.1.1"};
    struct in6_addr ip = {0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(!ip_parse(bad[i], &ip));
        CHECK(!ip_is_known(&ip));
    }
}

CASE(a_network_holds_what_begins_like_it)
{
    struct in6_addr net, ip;

    CHECK(ip_parse("10.32.0.0", &net));
    CHECK(ip_parse("10.47.255.255", &ip));
    CHECK(ip_is_within(&ip, &net, 96 + 12));
    CHECK(!ip_is_within(&ip, &net, 96 + 13));
    CHECK(ip_parse("2001:db8::1", &ip));
    CHECK(!ip_is_within(&ip, &net, 96));
    CHECK(ip_is_within(&ip, &net, 0));
}

static void check_network(const char *text, const char *wanted)
{
    char out[IP_TEXT_MAX];
    struct in6_addr net = {0};

    CHECK(ip_network_parse(text, &net) == (wanted != NULL));
    if (!wanted)
        return;
    ip_network_print(&net, out);
    CHECK_TEXT(out, wanted);
}

CASE(a_network_is_read_as_it_is_written)
{
    check_network("192.0.2.7", "192.0.2.7");
    check_network("::ffff:192.0.2.7", "192.0.2.7");
    check_network("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
    check_network("2001:db8:1:2::/64", "2001:db8:1:2::/64");
    check_network("2001:db8:1:2:3::/64", "2001:db8:1:2::/64");
    check_network("192.0.2.7/64", NULL);
    check_network("2001:db8::/48", NULL);
    check_network("/64", NULL);
    check_network("", NULL);
    check_network("2001:0db8:0001:0002:0003:0004:0005:0006:0007:0008:0009/64", NULL);
}

CASES(RUN(a_network_is_read_as_it_is_written), RUN(two_spellings_of_an_address_are_one),
      RUN(what_is_no_address_is_refused_and_changes_nothing),
      RUN(a_network_holds_what_begins_like_it))
