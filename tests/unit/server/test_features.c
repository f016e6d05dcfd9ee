/* A walk over features: which row of a table is matched first, who is asked and in which order they
 * begin and end. */
#include <stdio.h>

#include "base/memory.h"
#include "harness/check.h"
#include "http/request.h"
#include "server/features.h"

static char trace[200];

static void note(void *made, const char *what)
{
    size_t len = strlen(trace);

    snprintf(trace + len, sizeof(trace) - len, "%s.%s ", (const char *)made, what);
}

static void on_request(struct http_request *req, void *arg)
{
    (void)req;
    (void)arg;
}

static bool allow(void *made, struct http_request *req, unsigned *ret_retry_after_s)
{
    (void)req;
    note(made, "allow");
    *ret_retry_after_s = 7;
    return strcmp(made, "mid") != 0;
}

static void on_done(void *made, struct http_request *req)
{
    (void)req;
    note(made, "done");
}

static void *open(void *made, struct manager *m)
{
    (void)m;
    note(made, "open");
    return made;
}

static void drain(void *opened)
{
    note(opened, "drain");
}

static void close(void *opened)
{
    note(opened, "close");
}

static const struct http_route more[] = {
    {HTTP_M_GET, "/low/more", on_request, .arg = (void *)"its own"}};

static const struct http_route *more_of(void *made, size_t *ret_n)
{
    (void)made;
    *ret_n = ARRAY_LEN(more);
    return more;
}

static const struct http_route low_routes[] = {
    {HTTP_M_GET, "/low", on_request},
    {HTTP_M_GET, "/{any:path}", on_request, .flags = HTTP_ROUTE_FALLBACK}};
static const struct http_route mid_routes[] = {{HTTP_M_GET, "/mid", on_request}};
static const struct http_route mid_admin_routes[] = {{HTTP_M_GET, "/mid/admin", on_request}};

static const struct feature low = {.name = "low",
                                   .routes = low_routes,
                                   .n_routes = 2,
                                   .more_routes = more_of,
                                   .allow = allow,
                                   .on_done = on_done,
                                   .open = open,
                                   .drain = drain,
                                   .close = close};
static const struct feature mid = {.name = "mid",
                                   .routes = mid_routes,
                                   .n_routes = 1,
                                   .admin_routes = mid_admin_routes,
                                   .n_admin_routes = 1,
                                   .allow = allow,
                                   .on_done = on_done,
                                   .open = open,
                                   .close = close};
static const struct feature high = {.name = "high", .allow = allow, .drain = drain};

static struct feature_entry entries[3];
static struct feature_set set = {entries, 3};

static void begin(void)
{
    entries[0] = (struct feature_entry){.feature = &low, .made = (void *)"low"};
    entries[1] = (struct feature_entry){.feature = &mid, .made = (void *)"mid"};
    entries[2] = (struct feature_entry){.feature = &high, .made = (void *)"high"};
    trace[0] = '\0';
}

CASE(rows_of_lower_rooms_come_first_and_fallbacks_last)
{
    static const char *const paths[] = {"/low/more", "/low", "/mid", "/{any:path}"},
                             *const args[] = {"its own", "low", "mid", "low"};

    begin();
    struct http_routes site = features_routes(&set, false), admin = features_routes(&set, true);
    CHECK_INT(site.n_routes, 4);
    for (size_t i = 0; i < 4; i++) {
        CHECK_TEXT(site.routes[i].pattern, paths[i]);
        CHECK_TEXT((const char *)site.routes[i].arg, args[i]);
    }
    CHECK_INT(admin.n_routes, 1);
    CHECK_TEXT(admin.routes[0].pattern, "/mid/admin");
    CHECK_TEXT((const char *)admin.routes[0].arg, "mid");
    mem_free((void *)(uintptr_t)site.routes);
    mem_free((void *)(uintptr_t)admin.routes);
}

CASE(the_first_that_refuses_ends_the_asking_and_all_are_told_of_the_end)
{
    unsigned retry_after_s = 0;

    begin();
    CHECK(!features_allow(NULL, &retry_after_s, &set));
    CHECK_INT(retry_after_s, 7);
    features_on_done(NULL, &set);
    CHECK_TEXT(trace, "low.allow mid.allow low.done mid.done ");
}

CASE(what_is_opened_last_goes_first)
{
    begin();
    features_drain(&set);
    features_close(&set); /* harmless when not open */
    CHECK_TEXT(trace, "");
    features_open(&set, NULL);
    features_drain(&set);
    features_close(&set);
    features_close(&set);
    CHECK_TEXT(trace, "low.open mid.open high.drain low.drain mid.close low.close ");
}

CASES(RUN(rows_of_lower_rooms_come_first_and_fallbacks_last),
      RUN(the_first_that_refuses_ends_the_asking_and_all_are_told_of_the_end),
      RUN(what_is_opened_last_goes_first))
