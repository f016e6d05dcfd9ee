/* key_case: keys that begin with '_' belong to the protocol and stay; what a reference holds stays
 * too, but for the name in its schema; other typed values (`_rtype`) are opaque. */
#include "manager/key_case.h"

#include "wire/mp.h"

bool key_case_read(struct slice text, unsigned *ret_kinds)
{
    if (!text.len)
        *ret_kinds = 0;
    else if (slice_is(text, "camel"))
        *ret_kinds = KEY_CASE_CAMEL;
    else if (slice_is(text, "snake"))
        *ret_kinds = KEY_CASE_SNAKE;
    else if (slice_is(text, "camel+snake") || slice_is(text, "snake+camel"))
        *ret_kinds = KEY_CASE_CAMEL | KEY_CASE_SNAKE;
    else
        return false;
    return true;
}

static char key_case_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char key_case_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* hello_world -> helloWorld: the first part as it is, the others as titles. */
static void add_camel(struct buf *out, struct slice name)
{
    bool is_first = true, begins = false;

    if (!slice_has_byte(name, '_')) {
        if (name.len)
            buf_add_byte(out, (uint8_t)key_case_lower(name.ptr[0]));
        buf_add_slice(out, slice_from(name, 1));
        return;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '_') {
            is_first = false;
            begins = true;
            continue;
        }
        buf_add_byte(out, (uint8_t)(begins ? key_case_upper(c) : is_first ? c : key_case_lower(c)));
        begins = false;
    }
}

static void add_snake(struct buf *out, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (key_case_lower(c) != c && i)
            buf_add_byte(out, '_');
        buf_add_byte(out, (uint8_t)key_case_lower(c));
    }
}

void key_case_add_name(struct buf *out, struct slice name, unsigned kind)
{
    if (kind == KEY_CASE_CAMEL)
        add_camel(out, name);
    else
        add_snake(out, name);
}

static void add_converted_text(struct buf *out, struct slice name, unsigned kind)
{
    SCRATCH_BUF(text, 0);

    key_case_add_name(&text, name, kind);
    mp_add_str(out, buf_slice(&text));
}

/* A map with the text under one of its keys converted. */
static void add_renamed(struct buf *out, struct slice map, const char *which, unsigned kind)
{
    struct mp_iter it;
    struct slice key, value, name, text;

    mp_add_map(out, mp_count(map));
    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &key, &value)) {
        mp_add_raw(out, key);
        if (mp_get_str(key, &name) && slice_is(name, which) && mp_get_str(value, &text))
            add_converted_text(out, text, kind);
        else
            mp_add_raw(out, value);
    }
}

static void key_case_add_reference(struct buf *out, struct slice map, unsigned kind)
{
    struct mp_iter it;
    struct slice key, value, name;

    mp_add_map(out, mp_count(map));
    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &key, &value)) {
        mp_add_raw(out, key);
        if (mp_get_str(key, &name) && slice_is(name, "_rschema") && mp_is(value, MP_MAP))
            add_renamed(out, value, "name", kind);
        else
            mp_add_raw(out, value);
    }
}

/* kind: of the key this value stands under, for the name of a function. */
static void key_case_add_value(struct buf *out, struct slice value, unsigned kinds, unsigned kind)
{
    struct slice type, key, inner;
    struct mp_open map;
    struct mp_iter it;

    if (!mp_is(value, MP_MAP)) {
        mp_add_raw(out, value);
        return;
    }
    if (mp_find_str(value, "_rtype", &type)) {
        if (slice_is(type, "method"))
            key_case_add_reference(out, value, kind);
        else
            mp_add_raw(out, value);
        return;
    }
    mp_open_map(&map, out);
    mp_iter_init(&it, value);
    while (!out->is_failed && mp_iter_pair(&it, &key, &inner))
        key_case_add_pair(&map, key, inner, kinds);
    mp_close(&map);
}

static void add_pair_as(struct mp_open *map, struct slice name, struct slice value, unsigned kinds,
                        unsigned kind)
{
    map->n++;
    add_converted_text(map->buf, name, kind);
    key_case_add_value(map->buf, value, kinds, kind);
}

static bool has_two_forms(struct slice name)
{
    SCRATCH_BUF(camel, 0);
    SCRATCH_BUF(snake, 0);

    add_camel(&camel, name);
    add_snake(&snake, name);
    return !slice_eq(buf_slice(&camel), buf_slice(&snake));
}

void key_case_add_pair(struct mp_open *map, struct slice key, struct slice value, unsigned kinds)
{
    struct slice name;

    if (!kinds || !mp_get_str(key, &name) || slice_starts(name, "_")) {
        map->n++;
        mp_add_raw(map->buf, key);
        mp_add_raw(map->buf, value);
        return;
    }
    if (kinds & KEY_CASE_CAMEL)
        add_pair_as(map, name, value, kinds, KEY_CASE_CAMEL);
    if ((kinds & KEY_CASE_SNAKE) && !((kinds & KEY_CASE_CAMEL) && !has_two_forms(name)))
        add_pair_as(map, name, value, kinds, KEY_CASE_SNAKE);
}
