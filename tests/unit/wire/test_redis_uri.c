#include "wire/redis_uri.h"

#include <stdio.h>

#include "harness/check.h"

static const char *shown(const char *text)
{
    return text ? text : "-";
}

static void expect(const char *text, const char *wanted)
{
    char out[200] = "bad";
    struct redis_uri u;
    int r = redis_uri_parse(slice_of(text), &u);

    if (r == REDIS_URI_OK)
        (void)snprintf(out, sizeof(out), "%s %u %s %s %s %u", shown(u.host), u.port, shown(u.path),
                       shown(u.user), shown(u.password), u.database);
    else if (r == REDIS_URI_TLS)
        (void)snprintf(out, sizeof(out), "tls");
    redis_uri_deinit(&u);
    CHECK_TEXT(out, wanted);
}

CASE(what_is_read)
{
    expect("redis://h", "h 6379 - - - 0");
    expect("redis://h:1/", "h 1 - - - 0");
    expect("redis://h/7", "h 6379 - - - 7");
    expect("redis://:p%40%3a@h:65535/15", "h 65535 - - p@: 15");
    expect("redis://u:a@b@h", "h 6379 - u a@b 0");
    expect("redis://[::1]:7/2", "::1 7 - - - 2");
    expect("redis://[::1]", "::1 6379 - - - 0");
    expect("unix:///run/s", "- 0 /run/s - - 0");
    expect("unix:///run/s?db=3", "- 0 /run/s - - 3");
    expect("rediss://h", "tls");
}

CASE(what_is_refused)
{
    static const char *const bad[] = {"",
                                      "redis",
                                      "redis:",
                                      "redis://",
                                      "redis:///1",
                                      "redis://h:",
                                      "redis://h:0",
                                      "redis://h:65536",
                                      "redis://h:x",
                                      "redis://h/x",
                                      "redis://h/99999",
                                      "redis://u@h",
                                      "redis://:@h",
                                      "redis://[::1",
                                      "redis://[::1]x",
                                      "redis://[::1]:",
                                      "http://h",
                                      "unix://s",
                                      "unix:///",
                                      "unix:///s?x=1",
                                      "unix:///s?db=x"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect(bad[i], "bad");
}

CASES(RUN(what_is_read), RUN(what_is_refused))
