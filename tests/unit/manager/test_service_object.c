/* get_service's object: ids, url, references, and case conversion. */
#include "manager/service_object.h"

#include "manager_fixture.h"
#include "manager/key_case.h"
#include "wire/mp.h"

static char *object(const char *json, unsigned kinds, bool hides)
{
    struct service_object_rules rules = {SLICE_LIT("ws-a/c:calc"), SLICE_LIT("ws-a"),
                                         SLICE_LIT("http://h/ws-a/services/c:calc"), hides, kinds};
    struct buf b, out;

    buf_init(&out, 0);
    bool ok = service_object_add(&out, value_of(&b, json), &rules);
    char *text = ok ? json_of(buf_slice(&out)) : mem_copy("refused", 7);
    buf_deinit(&b);
    buf_deinit(&out);
    return text;
}

static void check_object(const char *json, unsigned kinds, bool hides, const char *expected)
{
    char *text = object(json, kinds, hides);

    CHECK_TEXT(text, expected);
    mem_free(text);
}

#define PLACE "\"workspace\":\"ws-a\",\"url\":\"http://h/ws-a/services/c:calc\""

CASE(id_config_and_the_rest)
{
    check_object(
        "{\"id\":\"calc\",\"config\":{\"visibility\":\"public\",\"workspace\":\"x\",\"url\":1},"
        "\"const\":5,\"n\":{\"a\":[null]}}",
        0, false,
        "{\"id\":\"ws-a/"
        "c:calc\",\"const\":5,\"n\":{\"a\":[null]},\"config\":{\"visibility\":\"public\"," PLACE
        "}}");
    check_object("{\"config\":null}", 0, false, "{\"id\":\"ws-a/c:calc\",\"config\":{" PLACE "}}");
    check_object("{\"config\":{\"authorized_workspaces\":[\"w\"]}}", 0, true,
                 "{\"id\":\"ws-a/c:calc\",\"config\":{" PLACE "}}");
    check_object("{\"config\":{\"authorized_workspaces\":[\"w\"]}}", 0, false,
                 "{\"id\":\"ws-a/c:calc\",\"config\":{\"authorized_workspaces\":[\"w\"]," PLACE
                 "}}");
    check_object("[1]", 0, false, "refused");
}

CASE(bare_references_become_absolute)
{
    check_object("{\"n\":{\"f\":{\"_rtype\":\"method\",\"_rtarget\":\"c\",\"_rmethod\":\"services."
                 "calc.f\"}}}",
                 0, false,
                 "{\"id\":\"ws-a/c:calc\",\"n\":{\"f\":{\"_rtype\":\"method\",\"_rtarget\":\"ws-a/"
                 "c\",\"_rmethod\":\"services.calc.f\"}},"
                 "\"config\":{" PLACE "}}");
}

CASE(names)
{
    static const struct {
        const char *name, *camel, *snake;
    } table[] = {
        {"hello_world", "helloWorld", "hello_world"},
        {"helloWorld", "helloWorld", "hello_world"},
        {"HelloWorld", "helloWorld", "hello_world"},
        {"hello_WORLD", "helloWorld", "hello__w_o_r_l_d"},
        {"x", "x", "x"},
        {"", "", ""},
        {"a__b", "aB", "a__b"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        struct buf b;
        buf_init(&b, 0);
        key_case_add_name(&b, slice_of(table[i].name), KEY_CASE_CAMEL);
        CHECK(slice_is(buf_slice(&b), table[i].camel));
        buf_clear(&b);
        key_case_add_name(&b, slice_of(table[i].name), KEY_CASE_SNAKE);
        CHECK(slice_is(buf_slice(&b), table[i].snake));
        buf_deinit(&b);
    }
}

CASE(conversion)
{
    static const char *const in =
        "{\"hello_world\":{\"_rtype\":\"method\",\"_rtarget\":\"w/c\",\"_rmethod\":\"m_m\","
        "\"_rschema\":{\"name\":\"hello_world\",\"a_b\":1}},\"in_side\":{\"a_b\":1},\"_p_q\":2}";

    check_object(
        in, KEY_CASE_CAMEL, false,
        "{\"id\":\"ws-a/c:calc\",\"helloWorld\":{\"_rtype\":\"method\",\"_rtarget\":\"w/"
        "c\",\"_rmethod\":\"m_m\",\"_rschema\":"
        "{\"name\":\"helloWorld\",\"a_b\":1}},\"inSide\":{\"aB\":1},\"_p_q\":2,\"config\":{" PLACE
        "}}");
    check_object("{\"a_b\":1,\"c\":2}", KEY_CASE_CAMEL | KEY_CASE_SNAKE, false,
                 "{\"id\":\"ws-a/c:calc\",\"aB\":1,\"a_b\":1,\"c\":2,\"config\":{" PLACE "}}");
}

/* Both cases double every level: a deep object is refused instead of filling the memory. */
CASE(conversion_is_bounded)
{
    struct buf json;

    buf_init(&json, 0);
    for (unsigned i = 0; i < 60; i++)
        buf_add_text(&json, "{\"a_b\":");
    buf_add_text(&json, "1");
    for (unsigned i = 0; i < 60; i++)
        buf_add_text(&json, "}");
    char *text = buf_take(&json);
    check_object(text, KEY_CASE_CAMEL | KEY_CASE_SNAKE, false, "refused");
    mem_free(text);
}

CASE(kinds)
{
    unsigned kinds = 9;

    CHECK(key_case_read(SLICE_LIT(""), &kinds) && kinds == 0);
    CHECK(key_case_read(SLICE_LIT("camel"), &kinds) && kinds == KEY_CASE_CAMEL);
    CHECK(key_case_read(SLICE_LIT("snake"), &kinds) && kinds == KEY_CASE_SNAKE);
    CHECK(key_case_read(SLICE_LIT("camel+snake"), &kinds) &&
          kinds == (KEY_CASE_CAMEL | KEY_CASE_SNAKE));
    CHECK(!key_case_read(SLICE_LIT("bogus"), &kinds));
}

CASES(RUN(id_config_and_the_rest), RUN(bare_references_become_absolute), RUN(names),
      RUN(conversion), RUN(conversion_is_bounded), RUN(kinds))
