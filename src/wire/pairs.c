/* pairs: maps here are records of a few dozen keys, so a look through the names per key is
 * enough. */
#include "wire/pairs.h"

void pairs_add_but(struct mp_open *out, struct slice map, const char *const *but)
{
    struct mp_iter it;
    struct slice key, value, name;

    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &key, &value)) {
        bool is_dropped = false;
        for (const char *const *p = but; *p && mp_get_str(key, &name); p++)
            is_dropped = is_dropped || slice_is(name, *p);
        if (is_dropped)
            continue;
        out->n++;
        mp_add_raw(out->buf, key);
        mp_add_raw(out->buf, value);
    }
}

void pairs_add_others(struct mp_open *out, struct slice map, struct slice but)
{
    struct mp_iter it;
    struct slice key, value, name;

    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &key, &value)) {
        if (mp_get_str(key, &name) && slice_eq(name, but))
            continue;
        out->n++;
        mp_add_raw(out->buf, key);
        mp_add_raw(out->buf, value);
    }
}
