#include "manager/list_query.h"

#include "manager_fixture.h"

/* workspace|client|name|app|visibility|type, or the refusal's text. */
static void check_query(const char *json, const char *expected)
{
    struct list_query q;
    struct refusal r;
    struct buf b, out;

    buf_init(&out, 0);
    struct slice query = *json ? value_of(&b, json) : (struct slice){0};
    if (list_query_read(query, SLICE_LIT("ws-me"), &q, &r))
        buf_add_fmt(&out,
                    SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT "|" SLICE_FMT,
                    SLICE_ARG(q.workspace), SLICE_ARG(q.client), SLICE_ARG(q.name),
                    SLICE_ARG(q.app), SLICE_ARG(q.visibility), SLICE_ARG(q.type));
    else
        buf_add_fmt(&out, "%s: %s", r.class_name, r.text);
    char *text = buf_take(&out);
    CHECK_TEXT(text, expected);
    mem_free(text);
    if (*json)
        buf_deinit(&b);
}

CASE(texts)
{
    check_query("", "ws-me|*|*|||");
    check_query("\"ws-a\"", "ws-a|*|*|||");
    check_query("\"ws-a/name\"", "ws-a|*|name|||");
    check_query("\"c:name\"", "ws-me|c|name|||");
    check_query("\"ws-a/c:name\"", "ws-a|c|name|||");
    check_query("\"*/name\"", "ws-me|*|name||public|");
    check_query("\"*/c:name\"", "ws-me|c|name||public|");
    check_query("\"*\"", "|*|*|||");
    check_query("\"ws-a/c:name@app\"", "ws-a|c|name|app||");
    check_query("\"a/b/c\"", "a|*|b|||");
    check_query("\"name@app\"", "ValueError: Invalid characters in query part: name@app");
    check_query("\"a.b\"", "ValueError: Invalid characters in query part: a.b");
    check_query("\"ws-a/a:b:c\"", "ValueError: Invalid characters in query part: b:c");
    check_query("\"ws-a/\\u0000\"", "ValueError: Invalid characters in query part: ");
}

CASE(maps)
{
    check_query("{}", "ws-me|*|*|||");
    check_query("{\"workspace\":null,\"client_id\":\"c*\",\"service_id\":\"n\",\"type\":\"t/"
                "1\",\"visibility\":\"public\"}",
                "ws-me|c*|n||public|t/1");
    check_query("{\"id\":\"n@app\"}", "ws-me|*|n|app||");
    check_query("{\"id\":\"n@app\",\"app_id\":\"app\"}", "ws-me|*|n|app||");
    check_query("{\"workspace\":\"*\"}", "|*|*|||");
    check_query("{\"workspace\":\"*\",\"visibility\":\"public\"}", "|*|*||public|");
    check_query("{\"foo\":1}", "ValueError: Invalid query keys: {'foo'}");
    check_query("{\"id\":\"a\",\"service_id\":\"a\"}",
                "AssertionError: Cannot specify both 'id' and 'service_id' in the query.");
    check_query("{\"service_id\":\"a@x\",\"app_id\":\"y\"}", "ValueError: App id mismatch: y != x");
    check_query("{\"workspace\":\"*\",\"visibility\":\"unlisted\"}",
                "AssertionError: Cannot list protected or unlisted services in all workspaces.");
    check_query("{\"workspace\":5}", "TypeError: Query part 'workspace' must be a string");
    check_query("{\"client_id\":\"a?\"}", "ValueError: Invalid characters in query part: a?");
}

CASES(RUN(texts), RUN(maps))
