#include "wire/rpc_value.h"

#include "base/memory.h"
#include "harness/check.h"
#include "wire/json.h"
#include "wire/mp.h"

/* Values are written and shown as JSON here: it says what is meant. */
static struct slice value_of(struct buf *b, const char *json)
{
    struct slice in, v;

    buf_clear(b);
    CHECK_INT(json_to_mp(slice_of(json), b, NULL), JSON_OK);
    in = buf_slice(b);
    CHECK(mp_take(&in, MP_MAX_DEPTH, &v) == MP_OK && in.len == 0);
    return v;
}

static void check_shown(struct buf *value, const char *wanted)
{
    struct buf text;
    struct slice in = buf_slice(value), v;

    buf_init(&text, 0);
    CHECK(!value->is_failed && mp_take(&in, MP_MAX_DEPTH, &v) == MP_OK && in.len == 0);
    CHECK_INT(json_from_mp(v, &text), JSON_OK);
    char *z = buf_take(&text);
    CHECK_TEXT(z, wanted);
    mem_free(z);
}

/* Part of W-067; the scenes prove the whole. */
CASE(errors_name_their_class)
{
    static const char *const rows[][3] = {
        {"PermissionError", "no",
         "{\"_rtype\":\"error\",\"_rvalue\":\"PermissionError: no\",\"_rtrace\":\"PermissionError: "
         "no\"}"},
        {"KeyError", "it's",
         "{\"_rtype\":\"error\",\"_rvalue\":\"KeyError: \\\"it's\\\"\",\"_rtrace\":\"KeyError: "
         "\\\"it's\\\"\"}"},
        {"KeyError", "a\n",
         "{\"_rtype\":\"error\",\"_rvalue\":\"KeyError: 'a\\\\n'\",\"_rtrace\":\"KeyError: "
         "'a\\\\n'\"}"},
        {"", "plain", "{\"_rtype\":\"error\",\"_rvalue\":\"plain\",\"_rtrace\":\"\"}"},
    };
    struct buf b;

    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&b);
        rpc_value_add_error(&b, rows[i][0], slice_of(rows[i][1]));
        check_shown(&b, rows[i][2]);
    }
    buf_deinit(&b);
}

CASE(references_are_written_in_full)
{
    struct buf b, schema;
    struct rpc_method_ref ref = {.server = SLICE_LIT("http://h"),
                                 .target = SLICE_LIT("*/manager-1"),
                                 .method = SLICE_LIT("services.default.echo"),
                                 .promise = "*",
                                 .name = SLICE_LIT("echo")};

    buf_init(&b, 0);
    buf_init(&schema, 0);
    ref.schema = value_of(&schema, "{\"name\":\"echo\"}");
    rpc_value_add_method(&b, &ref);
    check_shown(&b, "{\"_rtype\":\"method\",\"_rserver\":\"http://h\",\"_rtarget\":\"*/"
                    "manager-1\",\"_rmethod\":"
                    "\"services.default.echo\",\"_rpromise\":\"*\",\"_rname\":\"echo\",\"_rasync\":"
                    "true,\"_rdoc\":null,"
                    "\"_rschema\":{\"name\":\"echo\"}}");
    buf_clear(&b);
    ref = (struct rpc_method_ref){.target = SLICE_LIT("a"), .method = SLICE_LIT("s.f")};
    rpc_value_add_method(&b, &ref);
    check_shown(&b, "{\"_rtype\":\"method\",\"_rtarget\":\"a\",\"_rmethod\":\"s.f\",\"_rpromise\":"
                    "false,\"_rname\":null,"
                    "\"_rasync\":true,\"_rdoc\":null}");
    buf_deinit(&b);
    buf_deinit(&schema);
}

/* Part of W-068; the scenes prove the whole. */
CASE(bare_targets_get_their_workspace)
{
    static const char *const rows[][2] = {
        {"{\"_rtype\":\"method\",\"_rtarget\":\"c\"}",
         "{\"_rtype\":\"method\",\"_rtarget\":\"ws/c\"}"},
        {"{\"_rtarget\":\"c\",\"x\":1,\"_rtype\":\"generator\"}",
         "{\"_rtarget\":\"ws/c\",\"x\":1,\"_rtype\":\"generator\"}"},
        {"{\"_rtype\":\"method\",\"_rtarget\":\"w/c\"}",
         "{\"_rtype\":\"method\",\"_rtarget\":\"w/c\"}"},
        {"{\"_rtype\":\"other\",\"_rtarget\":\"c\"}", "{\"_rtype\":\"other\",\"_rtarget\":\"c\"}"},
        {"{\"_rtarget\":\"c\"}", "{\"_rtarget\":\"c\"}"},
        {"{\"_rtype\":\"method\",\"_rtarget\":7}", "{\"_rtype\":\"method\",\"_rtarget\":7}"},
        {"{\"_rtype\":\"method\",\"inner\":{\"_rtarget\":\"c\"},\"_rtarget\":\"d\"}",
         "{\"_rtype\":\"method\",\"inner\":{\"_rtarget\":\"c\"},\"_rtarget\":\"ws/d\"}"},
        {"[{\"a\":[{\"_rtarget\":\"1\",\"b\":{\"_rtype\":\"method\",\"_rtarget\":\"2\"},\"_rtype\":"
         "\"method\"}]},\"_rtype\",\"method\"]",
         "[{\"a\":[{\"_rtarget\":\"ws/1\",\"b\":{\"_rtype\":\"method\",\"_rtarget\":\"ws/"
         "2\"},\"_rtype\":\"method\"}]},\"_rtype\","
         "\"method\"]"},
        {"\"method\"", "\"method\""},
        {"[[],{},[{}]]", "[[],{},[{}]]"},
    };
    struct buf b, out;

    buf_init(&b, 0);
    buf_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice v = value_of(&b, rows[i][0]);
        buf_clear(&out);
        rpc_value_expand(v, SLICE_LIT("ws"), &out);
        check_shown(&out, rows[i][1]);
        CHECK(rpc_value_has_method(v) ==
              (strstr(rows[i][0], "\"_rtype\":\"method\"") || strstr(rows[i][0], "generator")));
    }
    buf_deinit(&b);
    buf_deinit(&out);
}

CASE(all_else_is_copied_byte_for_byte)
{
    /* Long forms, float32, ext, map keys that are maps: nothing of it is re-encoded. */
    struct slice v = SLICE_LIT(
        "\xde\x00\x04\x81\x01\x02\xca\x3f\x80\x00\x00\xd9\x01k\xcd\x00\x01\xa1x\xd4\xff\x01"
        "\xa1y\x82\xa6_rtype\xa6method\xd9\x08_rtarget\xda\x00\x01"
        "c");
    struct slice wanted = SLICE_LIT(
        "\xde\x00\x04\x81\x01\x02\xca\x3f\x80\x00\x00\xd9\x01k\xcd\x00\x01\xa1x\xd4\xff\x01"
        "\xa1y\x82\xa6_rtype\xa6method\xd9\x08_rtarget\xa4ws/c");
    struct buf out;

    buf_init(&out, 0);
    rpc_value_expand(v, SLICE_LIT("ws"), &out);
    CHECK_BYTES(out.ptr, out.len, wanted.ptr, wanted.len);
    buf_deinit(&out);
    buf_init(&out, v.len);
    rpc_value_expand(v, SLICE_LIT("a-workspace-past-the-cap"), &out);
    CHECK(out.is_failed);
    buf_deinit(&out);
}

CASE(the_deepest_value_is_walked)
{
    struct buf b, out;

    buf_init(&b, 0);
    buf_init(&out, 0);
    for (int i = 0; i < MP_MAX_DEPTH; i++)
        mp_add_array(&b, 1);
    mp_add_nil(&b);
    rpc_value_expand(buf_slice(&b), SLICE_LIT("ws"), &out);
    CHECK_BYTES(out.ptr, out.len, b.ptr, b.len);
    buf_deinit(&b);
    buf_deinit(&out);
}

static void read_promise(struct slice payload, struct rpc_promise *ret)
{
    struct slice promise = {NULL, 0}, t = {NULL, 0};

    (void)mp_find(payload, "promise", &promise);
    (void)mp_find(payload, "t", &t);
    rpc_promise_read(promise, t, ret);
}

/* Part of W-061; the scenes prove the whole. */
CASE(promises_in_every_form)
{
    struct buf b;
    struct rpc_promise p;

    buf_init(&b, 0);
    read_promise(value_of(&b, "{\"args\":[],\"promise\":\"*\",\"t\":15}"), &p);
    CHECK(p.is_present && p.is_compact && p.interval_s == 15.0 && !p.resolve.len);
    read_promise(value_of(&b, "{\"promise\":\"*\"}"), &p);
    CHECK(p.is_present && p.is_compact && p.interval_s == 0);
    read_promise(
        value_of(
            &b, "{\"promise\":{\"resolve\":{\"_rtype\":\"method\",\"_rmethod\":\"S.a\"},\"reject\":"
                "{\"_rmethod\":\"S.b\"},\"heartbeat\":{\"_rmethod\":\"S.c\",\"_rpromise\":true},"
                "\"interval\":5.0}}"),
        &p);
    CHECK(p.is_present && !p.is_compact && p.interval_s == 5.0);
    CHECK(slice_is(p.resolve, "S.a") && slice_is(p.reject, "S.b") && slice_is(p.heartbeat, "S.c"));
    read_promise(value_of(&b, "{\"promise\":{\"resolve\":{\"_rmethod\":\"S.a\"},\"reject\":{\"_"
                              "rmethod\":\"S.b\"},\"interval\":5}}"),
                 &p);
    CHECK(p.is_present && p.interval_s == 0 && !p.heartbeat.len);
    buf_deinit(&b);
}

CASE(unreadable_promises_are_none)
{
    static const char *const rows[] = {
        "{}",
        "{\"promise\":true}",
        "{\"promise\":\"x\"}",
        "{\"promise\":null}",
        "{\"promise\":[]}",
        "{\"promise\":{\"resolve\":{\"_rmethod\":\"a\"}}}",
        "[\"promise\",\"*\"]",
        "7",
        "{\"promise\":{\"resolve\":{\"_rmethod\":1},\"reject\":{\"_rmethod\":\"b\"}}}"};
    struct buf b;
    struct rpc_promise p;

    buf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        read_promise(value_of(&b, rows[i]), &p);
        CHECK(!p.is_present);
    }
    read_promise(value_of(&b, "{\"promise\":\"*\",\"t\":1e-9}"), &p);
    CHECK(p.interval_s >= 0.1);
    read_promise(value_of(&b, "{\"promise\":\"*\",\"t\":-5}"), &p);
    CHECK(p.is_present && p.interval_s == 0);
    read_promise((struct slice){NULL, 0}, &p);
    CHECK(!p.is_present);
    buf_deinit(&b);
}

CASES(RUN(errors_name_their_class), RUN(references_are_written_in_full),
      RUN(bare_targets_get_their_workspace), RUN(all_else_is_copied_byte_for_byte),
      RUN(the_deepest_value_is_walked), RUN(promises_in_every_form),
      RUN(unreadable_promises_are_none))
