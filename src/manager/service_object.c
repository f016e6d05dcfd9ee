/* service_object: the provider's map is its own: nothing is added but the id, and workspace and
 * url in its config. */
#include "manager/service_object.h"

#include "manager/key_case.h"
#include "wire/mp.h"
#include "wire/rpc_value.h"

enum { GROWTH_MOST = 4, GROWTH_FLOOR = 64 * 1024 };

static bool is_any_of(struct slice key, const char *a, const char *b, const char *c)
{
    struct slice name;

    return mp_get_str(key, &name) &&
           (slice_is(name, a) || slice_is(name, b) || (c && slice_is(name, c)));
}

static void service_object_add_config(struct buf *b, struct slice config,
                                      const struct service_object_rules *rules)
{
    struct mp_iter it;
    struct slice key, value;
    struct mp_open map;

    mp_open_map(&map, b);
    mp_iter_init(&it, mp_is(config, MP_MAP) ? config : (struct slice){NULL, 0});
    while (!b->is_failed && mp_iter_pair(&it, &key, &value)) {
        if (!is_any_of(key, "workspace", "url",
                       rules->hides_authorized ? "authorized_workspaces" : NULL))
            key_case_add_pair(&map, key, value, rules->case_kinds);
    }
    mp_key(&map, "workspace");
    mp_add_str(b, rules->workspace);
    mp_key(&map, "url");
    mp_add_str(b, rules->url);
    mp_close(&map);
}

static void add_object(struct buf *b, struct slice value, const struct service_object_rules *rules)
{
    struct mp_iter it;
    struct slice key, inner, config = {NULL, 0};
    struct mp_open map;

    (void)mp_find(value, "config", &config);
    mp_open_map(&map, b);
    mp_key(&map, "id");
    mp_add_str(b, rules->full_id);
    mp_iter_init(&it, value);
    while (!b->is_failed && mp_iter_pair(&it, &key, &inner)) {
        if (!is_any_of(key, "id", "config", NULL))
            key_case_add_pair(&map, key, inner, rules->case_kinds);
    }
    mp_key(&map, "config");
    service_object_add_config(b, config, rules);
    mp_close(&map);
}

bool service_object_add(struct buf *out, struct slice value,
                        const struct service_object_rules *rules)
{
    struct buf object;
    SCRATCH_BUF(expanded, 0);

    if (!mp_is(value, MP_MAP))
        return false;
    rpc_value_expand(value, rules->workspace, &expanded);
    bool ok = !expanded.is_failed;
    if (ok) {
        buf_init(&object, expanded.len * GROWTH_MOST + GROWTH_FLOOR);
        add_object(&object, buf_slice(&expanded), rules);
        ok = !object.is_failed;
        buf_add_slice(out, buf_slice(&object));
        buf_deinit(&object);
    }
    return ok;
}
