/* service_projection: the stored record as one caller may see it. Nearly always a plain copy; what
 * is left out is named by the view. */
#include "manager/service_projection.h"

#include "wire/mp.h"
#include "wire/pairs.h"

void user_map_add(struct buf *b, struct slice user_map, bool with_scope)
{
    static const char *const scope[] = {"scope", NULL};
    struct mp_open map;

    if (with_scope) {
        mp_add_raw(b, user_map);
        return;
    }
    mp_open_map(&map, b);
    pairs_add_but(&map, user_map, scope);
    mp_close(&map);
}

static void service_projection_add_creator(struct buf *b, struct slice creator,
                                           struct service_projection view)
{
    struct slice id = {NULL, 0};

    if (view.creator != CREATOR_ID || !mp_is(creator, MP_MAP)) {
        if (mp_is(creator, MP_MAP))
            user_map_add(b, creator, view.creator == CREATOR_FULL);
        else
            mp_add_nil(b);
        return;
    }
    (void)mp_find(creator, "id", &id);
    mp_add_map(b, 1);
    mp_add_text(b, "id");
    mp_add_raw(b, id);
}

static void service_projection_add_config(struct buf *b, struct slice config,
                                          struct service_projection view)
{
    static const char *const creator_only[] = {"created_by", NULL};
    static const char *const both[] = {"created_by", "authorized_workspaces", NULL};
    struct slice creator = {NULL, 0};
    struct mp_open map;

    (void)mp_find(config, "created_by", &creator);
    mp_open_map(&map, b);
    pairs_add_but(&map, config, view.hides_authorized ? both : creator_only);
    mp_key(&map, "created_by");
    service_projection_add_creator(b, creator, view);
    mp_close(&map);
}

void service_info_add(struct buf *b, struct slice info, struct service_projection view)
{
    static const char *const config_only[] = {"config", NULL};
    struct slice config = {NULL, 0};
    struct mp_open map;

    if (!view.hides_authorized && view.creator == CREATOR_FULL) {
        mp_add_raw(b, info);
        return;
    }
    (void)mp_find(info, "config", &config);
    mp_open_map(&map, b);
    pairs_add_but(&map, info, config_only);
    mp_key(&map, "config");
    service_projection_add_config(b, config, view);
    mp_close(&map);
}

struct slice service_info_creator(struct slice info)
{
    struct slice config, creator = {NULL, 0};

    if (mp_find(info, "config", &config))
        (void)mp_find(config, "created_by", &creator);
    return creator;
}

void service_config_defaults(struct mp_open *config, bool require_context, const char *workspace)
{
    struct buf *b = config->buf;

    mp_key(config, "visibility");
    mp_add_text(b, "public");
    mp_key(config, "require_context");
    mp_add_bool(b, require_context);
    mp_key(config, "workspace");
    mp_add_text(b, workspace);
    mp_key(config, "flags");
    mp_add_array(b, 0);
    mp_key(config, "singleton");
    mp_add_bool(b, false);
    mp_key(config, "created_by");
    mp_add_nil(b);
    mp_key(config, "service_embedding");
    mp_add_nil(b);
    mp_key(config, "authorized_workspaces");
    mp_add_nil(b);
}
