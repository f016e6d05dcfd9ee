#include "manager/service_info.h"

#include "manager_fixture.h"
#include "manager/service_projection.h"
#include "wire/mp.h"

static const char *const plain_record =
    "{\"id\":\"ws-a/"
    "c:calc\",\"name\":\"calc\",\"type\":\"generic\",\"description\":null,\"docs\":null,\"app_id\":"
    "\"*\","
    "\"service_schema\":null,\"config\":{\"visibility\":\"protected\",\"require_context\":false,"
    "\"workspace\":\"ws-a\",\"flags\":[],"
    "\"singleton\":false,\"created_by\":{\"id\":\"anonymouz-http\"},\"service_embedding\":null,"
    "\"authorized_workspaces\":null}}";

/* The record as JSON, or the refusal's class; the caller frees it. */
static char *draft(const char *json, const char *name, size_t max_bytes, struct refusal *r)
{
    struct user *u = make_user("ws-a", PERMISSION_ADMIN);
    struct service_origin origin = {.workspace = SLICE_LIT("ws-a"),
                                    .full_client = SLICE_LIT("ws-a/c"),
                                    .creator = u,
                                    .max_bytes = max_bytes ? max_bytes : 100000};
    struct service_draft d;
    struct buf b;
    char *text;

    if (service_draft_read(value_of(&b, json), slice_of(name), &origin, &d, r)) {
        CHECK(slice_eq(d.fields.info, buf_slice(&d.info)));
        text = json_of(d.fields.info);
        service_draft_deinit(&d);
    } else {
        text = mem_copy(r->class_name, strlen(r->class_name));
    }
    buf_deinit(&b);
    user_unref(u);
    return text;
}

static void check_draft(const char *json, const char *expected)
{
    struct refusal r;
    char *text = draft(json, "calc", 0, &r);

    CHECK_TEXT(text, expected);
    mem_free(text);
}

CASE(defaults)
{
    check_draft("{\"id\":\"c:calc\"}", plain_record);
    check_draft("{\"id\":\"c:calc\",\"config\":null,\"name\":null,\"app_id\":null,\"foo\":1}",
                plain_record);
    check_draft("{\"id\":\"c:calc\",\"config\":{\"workspace\":\"ws-other\",\"created_by\":{\"id\":"
                "\"root\"}}}",
                plain_record);
}

CASE(nulls_and_extras_are_kept)
{
    struct refusal r;
    char *text = draft("{\"id\":\"c:calc\",\"type\":null,\"config\":{\"visibility\":\"public\","
                       "\"extra\":{\"x\":null,\"y\":[1,null]},"
                       "\"require_context\":[\"a\"]}}",
                       "calc", 0, &r);

    CHECK(strstr(text, "\"type\":null"));
    CHECK(strstr(text, "\"extra\":{\"x\":null,\"y\":[1,null]}"));
    CHECK(strstr(text, "\"require_context\":[\"a\"]"));
    CHECK(strstr(text, "\"visibility\":\"public\""));
    mem_free(text);
}

CASE(what_is_refused)
{
    static const struct {
        const char *json, *class_name;
    } table[] = {
        {"{\"id\":\"c:x\",\"config\":{\"visibility\":\"private\"}}", "ValidationError"},
        {"{\"id\":\"c:x\",\"config\":{\"visibility\":null}}", "ValidationError"},
        {"{\"id\":\"c:x\",\"config\":5}", "ValidationError"},
        {"{\"id\":\"c:x\",\"name\":5}", "ValidationError"},
        {"{\"id\":\"c:x\",\"description\":[]}", "ValidationError"},
        {"{\"id\":\"c:x\",\"type\":\"a\\u0000b\"}", "ValidationError"},
        {"{\"id\":\"c:x\",\"app_id\":\"a/b\"}", "AssertionError"},
        {"{\"id\":\"c:x\",\"service_schema\":[]}", "ValidationError"},
        {"{\"id\":\"c:x\",\"config\":{\"singleton\":\"yes\"}}", "ValidationError"},
        {"{\"id\":\"c:x\",\"config\":{\"flags\":[1]}}", "ValidationError"},
        {"{\"id\":\"c:x\",\"config\":{\"authorized_workspaces\":\"ws\"}}", "ValidationError"},
        {"{\"id\":\"c:x\",\"config\":{\"visibility\":\"public\",\"authorized_workspaces\":[]}}",
         "ValueError"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(table); i++)
        check_draft(table[i].json, table[i].class_name);
}

CASE(descriptions_are_counted_in_characters)
{
    struct refusal r;
    struct buf json;

    for (unsigned n = 1024; n <= 1025; n++) {
        buf_init(&json, 0);
        buf_add_text(&json, "{\"id\":\"c:x\",\"description\":\"");
        for (unsigned i = 0; i < n; i++)
            buf_add_text(&json, "\xc3\xa9");
        buf_add_text(&json, "\"}");
        char *text = buf_take(&json), *got = draft(text, "calc", 0, &r);
        CHECK_INT(strcmp(got, "ValidationError") == 0, n == 1025);
        mem_free(text);
        mem_free(got);
    }
}

/* A record must be showable everywhere: bytes, NaN and great depth are not. */
CASE(records_are_json)
{
    struct user *u = make_user("ws-a", PERMISSION_ADMIN);
    struct service_origin origin = {.workspace = SLICE_LIT("ws-a"),
                                    .full_client = SLICE_LIT("ws-a/c"),
                                    .creator = u,
                                    .max_bytes = 100000};
    struct service_draft d;
    struct refusal r;
    struct buf b;

    for (unsigned kind = 0; kind < 3; kind++) {
        buf_init(&b, 0);
        mp_add_map(&b, 2);
        mp_add_text(&b, "id");
        mp_add_text(&b, "c:x");
        mp_add_text(&b, "config");
        mp_add_map(&b, 1);
        mp_add_text(&b, "extra");
        if (kind == 0) {
            mp_add_bin(&b, SLICE_LIT("x"));
        } else if (kind == 1) {
            mp_add_float(&b, __builtin_nan(""));
        } else {
            for (unsigned i = 0; i < 60; i++)
                mp_add_array(&b, 1);
            mp_add_nil(&b);
        }
        CHECK(!service_draft_read(buf_slice(&b), SLICE_LIT("x"), &origin, &d, &r));
        CHECK_TEXT(r.class_name, "ValidationError");
        buf_deinit(&b);
    }
    user_unref(u);
}

CASE(large_records_are_refused)
{
    struct refusal r;
    char *text = draft("{\"id\":\"c:calc\",\"docs\":\"0123456789012345678901234567890123456789\"}",
                       "calc", 200, &r);

    CHECK_TEXT(text, "ValueError");
    CHECK(strstr(r.text, "larger than 200 bytes"));
    mem_free(text);
}

CASE(places)
{
    static const struct {
        const char *json, *outcome;
    } table[] = {
        {"{\"id\":\"c:calc\"}", "ws-a|c|calc"},
        {"{\"id\":\"ws-a/c:calc\"}", "ws-a|c|calc"},
        {"{\"id\":\"ws-a/c:other/x:name\"}", "ws-a|c|other/x:name"},
        {"{\"id\":\"ws-b/c:calc\"}", "PermissionError"},
        {"{\"id\":\"ws-a/c\"}", "AssertionError"},
        {"{\"id\":\"c:\"}", "ValidationError"},
        {"{\"id\":5}", "ValidationError"},
        {"{\"name\":\"x\"}", "ValidationError"},
        {"{\"id\":\"c:a\\u0000b\"}", "ValidationError"},
    };
    char got[128];

    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        struct service_place p;
        struct refusal r;
        struct buf b;
        if (service_place_read(value_of(&b, table[i].json), SLICE_LIT("ws-a"), &p, &r))
            (void)snprintf(got, sizeof(got), SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT,
                           SLICE_ARG(p.workspace), SLICE_ARG(p.client), SLICE_ARG(p.name));
        else
            (void)snprintf(got, sizeof(got), "%s", r.class_name);
        CHECK_TEXT(got, table[i].outcome);
        buf_deinit(&b);
    }
}

CASE(local_only)
{
    struct buf b;

    CHECK(service_is_local_only(value_of(&b, "{}"), SLICE_LIT("_rintf_x")));
    buf_deinit(&b);
    CHECK(
        service_is_local_only(value_of(&b, "{\"config\":{\"_local_only\":true}}"), SLICE_LIT("x")));
    buf_deinit(&b);
    CHECK(!service_is_local_only(value_of(&b, "{\"config\":{\"_local_only\":false}}"),
                                 SLICE_LIT("x")));
    buf_deinit(&b);
    CHECK(!service_is_local_only(value_of(&b, "{\"config\":null}"), SLICE_LIT("x")));
    buf_deinit(&b);
}

static void check_view(const char *record, struct service_projection view, const char *expected)
{
    struct buf b, out;

    buf_init(&out, 0);
    service_info_add(&out, value_of(&b, record), view);
    char *text = json_of(buf_slice(&out));
    CHECK_TEXT(text, expected);
    mem_free(text);
    buf_deinit(&out);
    buf_deinit(&b);
}

CASE(views)
{
    static const char record[] = "{\"id\":\"a\",\"config\":{\"created_by\":{\"id\":\"u\",\"email\":"
                                 "\"e\",\"scope\":{\"x\":1}},"
                                 "\"authorized_workspaces\":[\"w\"],\"k\":null}}";

    check_view(record, (struct service_projection){false, CREATOR_FULL}, record);
    check_view(record, (struct service_projection){true, CREATOR_ID},
               "{\"id\":\"a\",\"config\":{\"k\":null,\"created_by\":{\"id\":\"u\"}}}");
    check_view(record, (struct service_projection){false, CREATOR_NO_SCOPE},
               "{\"id\":\"a\",\"config\":{\"authorized_workspaces\":[\"w\"],\"k\":null,\"created_"
               "by\":{\"id\":\"u\",\"email\":\"e\"}}}");
}

CASES(RUN(defaults), RUN(nulls_and_extras_are_kept), RUN(what_is_refused),
      RUN(descriptions_are_counted_in_characters), RUN(records_are_json),
      RUN(large_records_are_refused), RUN(places), RUN(local_only), RUN(views))
