/* Service objects as plain data. */
#include "api/interface.h"
#include "unit/api/api_kit.h"

static const char OBJECT[] = "{\"id\":\"calc\",\"add\":{\"_rtype\":\"method\",\"_rname\":\"add\","
                             "\"_rschema\":{\"name\":\"add\",\"parameters\":{}}},"
                             "\"deep\":{\"one\":{\"two\":7,\"f\":{\"_rtype\":\"method\",\"_rname\":"
                             "\"f\"}}},\"list\":[1,{\"_rtype\":\"method\"}],"
                             "\"a\":1,\"a.b\":2}";

CASE(a_path_walks_through_maps)
{
    static const struct {
        const char *path, *json; /* NULL: not there */
    } rows[] = {
        {"id", "\"calc\""},
        {"deep.one.two", "7"},
        {"deep.one", "{\"two\":7,\"f\":{\"_rtype\":\"method\",\"_rname\":\"f\"}}"},
        {"deep.one.f", "{\"_rtype\":\"method\",\"_rname\":\"f\"}"},
        {"deep.one.f._rname", NULL}, /* nobody looks into a function */
        {"add._rschema.name", NULL},
        {"id.x", NULL},
        {"a.b", NULL}, /* a dot always steps */
        {"list.0", NULL},
        {"missing", NULL},
        {"deep..two", NULL},
        {"", NULL},
        {".", NULL},
        {"deep.", NULL},
    };
    struct buf b;
    struct slice object = kit_value(&b, OBJECT), value;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_found = interface_find(object, slice_of(rows[i].path), &value);
        if (is_found != (rows[i].json != NULL))
            check_fail(__FILE__, __LINE__, "%s: found %d", rows[i].path, is_found);
        if (is_found)
            kit_check(value, rows[i].json, rows[i].path);
    }
    buf_deinit(&b);
}

CASE(functions_become_their_schemas)
{
    struct buf b, out;

    buf_init(&out, 0);
    interface_describe(kit_value(&b, OBJECT), &out);
    kit_check(
        buf_slice(&out),
        "{\"id\":\"calc\",\"add\":{\"type\":\"function\",\"function\":{\"name\":\"add\","
        "\"parameters\":{}}},"
        "\"deep\":{\"one\":{\"two\":7,\"f\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}}}"
        ","
        "\"list\":[1,{\"type\":\"function\",\"function\":{\"name\":\"\"}}],\"a\":1,\"a.b\":2}",
        "object");
    buf_deinit(&b);
    buf_deinit(&out);
}

CASE(a_function_is_told_by_its_type)
{
    struct buf b;

    CHECK(interface_is_function(kit_value(&b, "{\"_rtype\":\"method\"}")));
    buf_deinit(&b);
    CHECK(!interface_is_function(kit_value(&b, "{\"_rtype\":\"set\"}")));
    buf_deinit(&b);
    CHECK(!interface_is_function(kit_value(&b, "[\"_rtype\",\"method\"]")));
    buf_deinit(&b);
}

CASES(RUN(a_path_walks_through_maps), RUN(functions_become_their_schemas),
      RUN(a_function_is_told_by_its_type))
