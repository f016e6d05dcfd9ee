/* bookmarks: the list lives in the encoded config of a record and is rewritten as a whole: it is
 * short and changes rarely. A bookmark says what its maker could see of the thing at that time. */
#include "manager/bookmarks.h"

#include "config/config.h"
#include "manager/caller_access.h"
#include "manager/persisted_reply.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "manager/service_choice.h"
#include "manager/service_info.h"
#include "manager/service_projection.h"
#include "manager/caller_projection.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/workspace_lifecycle.h"
#include "peer/workspace_persistence.h"
#include "registry/registry.h"
#include "wire/mp.h"
#include "wire/pairs.h"

struct workspace *bookmarks_home(struct hub *h, const struct user *u)
{
    char id[USER_WORKSPACE_MAX];

    user_personal_workspace(u, id);
    return workspace_find(&h->registry, slice_of(id));
}

/* ---- the list ---- */

static bool bookmark_is_same(struct slice item, struct slice type, struct slice id)
{
    struct slice its_type, its_id;

    return mp_find_str(item, "bookmark_type", &its_type) && mp_find_str(item, "id", &its_id) &&
           slice_eq(its_type, type) && slice_eq(its_id, id);
}

/* The config with the list changed: without (type, id), and with `item` at its end unless that
 * is empty. */
static void bookmark_add_config(struct buf *b, const struct workspace *home, struct slice type,
                                struct slice id, struct slice item)
{
    struct slice config = slice_make(home->config, home->config_len), list = {NULL, 0}, it_value;
    struct mp_open map, out;
    struct mp_iter it;

    (void)mp_find(config, "bookmarks", &list);
    mp_open_map(&map, b);
    pairs_add_others(&map, config, SLICE_LIT("bookmarks"));
    mp_key(&map, "bookmarks");
    mp_open_array(&out, b);
    mp_iter_init(&it, mp_is(list, MP_ARRAY) ? list : (struct slice){NULL, 0});
    while (mp_iter_next(&it, &it_value)) {
        if (bookmark_is_same(it_value, type, id))
            continue;
        mp_item(&out);
        mp_add_raw(b, it_value);
    }
    if (item.len) {
        mp_item(&out);
        mp_add_raw(b, item);
    }
    mp_close(&out);
    mp_close(&map);
}

static bool bookmark_change(struct hub *h, struct workspace *home, struct slice type,
                            struct slice id, struct slice item)
{
    struct buf b;

    buf_init(&b, loop_config(h->loop)->max_workspace_record_bytes);
    bookmark_add_config(&b, home, type, id, item);
    enum record_outcome outcome = b.is_failed                                 ? RECORD_TOO_LONG
                                  : workspace_set_config(home, buf_slice(&b)) ? RECORD_OK
                                                                              : RECORD_NO_ROOM;
    if (outcome == RECORD_OK) {
        workspace_persist(h, home);
        event_workspace(h, slice_of(home->id), home, "workspace_changed");
    }
    buf_deinit(&b);
    return outcome;
}

enum record_outcome bookmarks_put(struct hub *h, struct workspace *home, struct slice item)
{
    struct slice type = {NULL, 0}, id = {NULL, 0};

    (void)mp_find_str(item, "bookmark_type", &type);
    (void)mp_find_str(item, "id", &id);
    return bookmark_change(h, home, type, id, item);
}

void bookmarks_remove(struct hub *h, struct workspace *home, struct slice type, struct slice id)
{
    (void)bookmark_change(h, home, type, id, (struct slice){NULL, 0});
}

/* ---- what is kept ---- */

static void bookmark_add_pair(struct buf *b, const char *key, const char *value)
{
    mp_add_text(b, key);
    mp_add_text(b, value);
}

enum record_outcome bookmarks_put_workspace(struct hub *h, struct workspace *home,
                                            const struct workspace *w)
{
    SCRATCH_BUF(b, 0);

    mp_add_map(&b, 4);
    bookmark_add_pair(&b, "bookmark_type", "workspace");
    bookmark_add_pair(&b, "id", w->id);
    bookmark_add_pair(&b, "name", w->name);
    bookmark_add_pair(&b, "description", w->description);
    return bookmarks_put(h, home, buf_slice(&b));
}

static enum record_outcome put_service(struct hub *h, const struct rpc_call *call,
                                       struct workspace *home, const struct service *s)
{
    static const char *const keys[] = {"name", "description", "config"};
    struct slice value;
    SCRATCH_BUF(shown, 0);
    SCRATCH_BUF(b, 0);

    service_info_add(&shown, slice_make(s->info, s->info_len), projection_of(call, s));
    mp_add_map(&b, 2 + ARRAY_LEN(keys));
    bookmark_add_pair(&b, "bookmark_type", "service");
    bookmark_add_pair(&b, "id", s->full_id);
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        mp_add_text(&b, keys[i]);
        mp_add_raw(&b,
                   mp_find(buf_slice(&shown), keys[i], &value) ? value : (struct slice){NULL, 0});
    }
    return shown.is_failed || b.is_failed ? RECORD_TOO_LONG : bookmarks_put(h, home, buf_slice(&b));
}

/* ---- the calls ---- */

struct wanted {
    bool is_service;
    struct slice type, id;
    struct workspace *home;
};

static bool read_item(struct hub *h, const struct rpc_call *call, struct wanted *ret,
                      struct refusal *r)
{
    char personal[USER_WORKSPACE_MAX];

    if (!mp_find_str(call->args[0], "bookmark_type", &ret->type))
        return refuse(r, "AssertionError", "Bookmark type must be provided.");
    ret->is_service = slice_is(ret->type, "service");
    if (!ret->is_service && !slice_is(ret->type, "workspace"))
        return refuse(r, "ValueError", "Invalid bookmark type: " SLICE_FMT, SLICE_ARG(ret->type));
    if (!mp_find_str(call->args[0], "id", &ret->id))
        return refuse(r, "AssertionError", "Bookmark id must be provided.");
    ret->home = bookmarks_home(h, call->user);
    user_personal_workspace(call->user, personal);
    return ret->home ? true : refuse(r, "KeyError", "Workspace not found: %s", personal);
}

static struct service *bookmark_find_service(struct hub *h, const struct rpc_call *call,
                                             struct slice text, struct refusal *r)
{
    struct service_choice choice = {0};
    struct service_set set = {0};
    struct service_id id;
    bool ok = service_id_read(text, call->workspace, &id, r) &&
              service_set_find(h, call, &id, &set, r) &&
              service_choose(&set, &id, (struct slice){NULL, 0}, &choice, r) == CHOICE_MADE;

    service_set_deinit(&set);
    return ok ? choice.service : NULL;
}

static bool bookmark_put(struct hub *h, const struct rpc_call *call, const struct wanted *wanted,
                         struct refusal *r)
{
    enum record_outcome outcome;

    if (wanted->is_service) {
        const struct service *s = bookmark_find_service(h, call, wanted->id, r);
        if (!s)
            return false;
        outcome = put_service(h, call, wanted->home, s);
    } else {
        const struct workspace *w = access_target(h, call, wanted->id, OPERATION_BOOKMARK, r);
        if (!w)
            return false;
        outcome = bookmarks_put_workspace(h, wanted->home, w);
    }
    return outcome == RECORD_OK || refuse_record(r, h, wanted->home, outcome);
}

void do_bookmark(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct wanted wanted;
    struct refusal r;
    struct buf nothing;

    if (!read_item(h, call, &wanted, &r) || !bookmark_put(h, call, &wanted, &r)) {
        reply_refusal(call, &r);
        return;
    }
    buf_init(&nothing, 0);
    persisted_reply(h, call, wanted.home, &nothing);
}

void do_unbookmark(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct wanted wanted;
    struct refusal r;
    struct buf nothing;

    if (!read_item(h, call, &wanted, &r)) {
        reply_refusal(call, &r);
        return;
    }
    /* Kept under the full id, asked for by any form of it; what has gone is removed as it is
     * written. */
    const struct service *s =
        wanted.is_service ? bookmark_find_service(h, call, wanted.id, &r) : NULL;
    bookmarks_remove(h, wanted.home, wanted.type, s ? slice_of(s->full_id) : wanted.id);
    buf_init(&nothing, 0);
    persisted_reply(h, call, wanted.home, &nothing);
}
