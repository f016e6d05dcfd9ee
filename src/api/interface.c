/* interface: recursion is as deep as mp_take let the value in. */
#include "api/interface.h"

#include "wire/mp.h"

static bool find_key(struct slice map, struct slice key, struct slice *ret)
{
    struct slice k, v, text;
    struct mp_iter it;
    bool found = false;

    if (!mp_is(map, MP_MAP))
        return false;
    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &k, &v)) {
        if (mp_get_str(k, &text) && slice_eq(text, key)) {
            *ret = v;
            found = true;
        }
    }
    return found;
}

bool interface_find(struct slice object, struct slice path, struct slice *ret_value)
{
    struct slice head, rest, at = object;

    while (slice_cut(path, '.', &head, &rest)) {
        if (interface_is_function(at) || !find_key(at, head, &at))
            return false;
        path = rest;
    }
    return !interface_is_function(at) && find_key(at, path, ret_value);
}

bool interface_is_function(struct slice value)
{
    struct slice type;

    return mp_find_str(value, "_rtype", &type) && slice_is(type, "method");
}

static void describe_function(struct slice ref, struct buf *out)
{
    struct slice schema, name = SLICE_LIT("");

    mp_add_map(out, 2);
    mp_add_text(out, "type");
    mp_add_text(out, "function");
    mp_add_text(out, "function");
    if (mp_find(ref, "_rschema", &schema) && mp_is(schema, MP_MAP)) {
        mp_add_raw(out, schema);
        return;
    }
    (void)mp_find_str(ref, "_rname", &name);
    mp_add_map(out, 1);
    mp_add_text(out, "name");
    mp_add_str(out, name);
}

void interface_describe(struct slice value, struct buf *out)
{
    struct slice k, v;
    struct mp_iter it;

    mp_iter_init(&it, value);
    if (interface_is_function(value)) {
        describe_function(value, out);
    } else if (mp_is(value, MP_MAP)) {
        mp_add_map(out, mp_count(value));
        while (mp_iter_pair(&it, &k, &v)) {
            mp_add_raw(out, k);
            interface_describe(v, out);
        }
    } else if (mp_is(value, MP_ARRAY)) {
        mp_add_array(out, mp_count(value));
        while (mp_iter_next(&it, &v))
            interface_describe(v, out);
    } else {
        mp_add_raw(out, value);
    }
}
