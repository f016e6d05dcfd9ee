#include "manager/workspace_draft.h"

#include "manager_fixture.h"

/* id|name|description|owners,|persistent|read_only|config|extra, or the refusal's class. */
static void check_draft(const char *json, const char *expected)
{
    struct workspace_draft d;
    struct refusal r;
    struct buf b, out;

    buf_init(&out, 0);
    if (workspace_draft_read(value_of(&b, json), 4096, &d, &r)) {
        char *config = json_of(buf_slice(&d.config)), *extra = json_of(buf_slice(&d.extra));
        buf_add_fmt(&out, "%s|%s|%s|", d.id, d.name, d.description ? d.description : "-");
        for (size_t i = 0; i < d.n_owners; i++)
            buf_add_fmt(&out, "%s,", d.owners[i]);
        buf_add_fmt(&out, "|%d|%d|%s|%s", d.is_persistent, d.is_read_only, config, extra);
        mem_free(config);
        mem_free(extra);
        workspace_draft_deinit(&d);
    } else {
        buf_add_text(&out, r.class_name);
    }
    char *text = buf_take(&out);
    CHECK_TEXT(text, expected);
    mem_free(text);
    buf_deinit(&b);
}

CASE(what_is_kept)
{
    check_draft("{\"id\":\"a-b\"}", "a-b|a-b|-||0|0|{}|{}");
    check_draft("{\"name\":\"a-b\"}", "a-b|a-b|-||0|0|{}|{}");
    check_draft("{\"id\":\"a-b\",\"name\":\"\",\"owners\":null}", "a-b|a-b|-||0|0|{}|{}");
    check_draft("{\"id\":\"a-b\",\"name\":\"N\",\"description\":\"d\",\"visibility\":1,"
                "\"owners\":[\" x \",\"\",\"y\"],\"persistent\":true,\"read_only\":true,"
                "\"config\":{\"a\":{\"b\":null}},\"icon\":\"i\",\"covers\":null}",
                "a-b|N|d|x,y,|1|1|{\"a\":{\"b\":null}}|{\"icon\":\"i\"}");
}

CASE(what_is_refused)
{
    static const char *const bad[] = {
        "{\"id\":5}",
        "{\"id\":\"a-b\",\"name\":5}",
        "{\"id\":\"a-b\",\"description\":\"x\\u0000\"}",
        "{\"id\":\"a-b\",\"owners\":\"x\"}",
        "{\"id\":\"a-b\",\"owners\":[1]}",
        "{\"id\":\"a-b\",\"persistent\":\"yes\"}",
        "{\"id\":\"a-b\",\"config\":[]}",
        "{\"id\":\"a-b\",\"icon\":1}",
        "{\"id\":\"a-b\",\"service_types\":[]}",
        "{\"id\":\"a-b\",\"service_types\":{\"t\":{\"id\":\"t\"}}}",
    };

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        check_draft(bad[i], "ValidationError");
}

CASE(large_ones_are_refused)
{
    struct buf json;

    buf_init(&json, 0);
    buf_add_text(&json, "{\"id\":\"a-b\",\"docs\":\"");
    for (unsigned i = 0; i < 5000; i++)
        buf_add_text(&json, "x");
    buf_add_text(&json, "\"}");
    char *text = buf_take(&json);
    check_draft(text, "ValueError");
    mem_free(text);
}

CASE(ids)
{
    static const struct {
        const char *id, *class_name;
        bool is_root;
    } table[] = {
        {"a-b", NULL, false},
        {"", "ValueError", false},
        {"foo", "ValueError", false},
        {"foo", NULL, true},
        {"Test-Ws", "ValueError", false},
        {"te st-x", "ValueError", false},
        {"a-b\n", "ValueError", false},
        {"ws-user-bob", "PermissionError", false},
        {"ws-user-bob", NULL, true},
        {"ws-anonymous-2", "PermissionError", false},
    };
    struct refusal r;

    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        bool ok = workspace_id_allowed(slice_of(table[i].id), table[i].is_root, &r);
        CHECK_INT(ok, table[i].class_name == NULL);
        if (!ok)
            CHECK_TEXT(r.class_name, table[i].class_name);
    }
}

CASE(where_the_id_is)
{
    struct slice id;
    struct refusal r;
    struct buf b;

    CHECK(workspace_draft_id(value_of(&b, "{\"name\":\"n-n\"}"), &id, &r) && slice_is(id, "n-n"));
    buf_deinit(&b);
    CHECK(workspace_draft_id(value_of(&b, "{\"name\":\"n-n\",\"id\":\"i-i\"}"), &id, &r) &&
          slice_is(id, "i-i"));
    buf_deinit(&b);
    CHECK(!workspace_draft_id(value_of(&b, "{\"description\":\"d\"}"), &id, &r));
    CHECK_TEXT(r.text, "Workspace id must be provided.");
    buf_deinit(&b);
    CHECK(!workspace_draft_id(value_of(&b, "\"text\""), &id, &r));
    buf_deinit(&b);
}

CASES(RUN(what_is_kept), RUN(what_is_refused), RUN(large_ones_are_refused), RUN(ids),
      RUN(where_the_id_is))
