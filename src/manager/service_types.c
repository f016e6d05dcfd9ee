/* service_types: descriptions of what a kind of service offers, kept in the record of a
 * workspace under their bare id. Whether a service conforms is the client's check; the server
 * keeps the definition and gives it back. */
#include "base/memory.h"
#include "config/config.h"
#include "manager/caller_access.h"
#include "manager/persisted_reply.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "manager/serializable.h"
#include "manager/workspace_draft.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/workspace_lifecycle.h"
#include "peer/workspace_persistence.h"
#include "registry/registry.h"
#include "wire/mp.h"
#include "wire/pairs.h"

enum { TYPE_DEPTH = 40 };

static struct slice types_of(const struct workspace *w)
{
    struct slice types = {NULL, 0};

    (void)mp_find(slice_make(w->extra, w->extra_len), "service_types", &types);
    return mp_is(types, MP_MAP) ? types : (struct slice){NULL, 0};
}

static bool find_type(const struct workspace *w, struct slice id, struct slice *ret)
{
    struct mp_iter it;
    struct slice key, value, name;

    mp_iter_init(&it, types_of(w));
    while (mp_iter_pair(&it, &key, &value)) {
        if (mp_get_str(key, &name) && slice_eq(name, id)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* "ws/id" or "id": the workspace is the context when none is named. */
static void split_id(struct slice text, struct slice context, struct slice *ret_workspace,
                     struct slice *ret_id)
{
    *ret_workspace = context;
    *ret_id = text;
    (void)slice_cut(text, '/', ret_workspace, ret_id);
}

/* All six keys, the id as given unless `id` names another. */
static void service_types_add_type(struct buf *b, struct slice type, struct slice id)
{
    static const char *const keys[] = {"name", "definition", "description", "config", "docs"};
    struct slice value;

    mp_add_map(b, 1 + ARRAY_LEN(keys));
    mp_add_text(b, "id");
    mp_add_str(b, id);
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        mp_add_text(b, keys[i]);
        if (mp_find(type, keys[i], &value) && !mp_is(value, MP_NIL))
            mp_add_raw(b, value);
        else if (slice_is(slice_of(keys[i]), "config"))
            mp_add_map(b, 0);
        else
            mp_add_nil(b);
    }
}

/* ---- register_service_type ---- */

static bool is_text_or_absent(struct slice map, const char *key)
{
    struct slice value;

    return !mp_find(map, key, &value) || mp_is(value, MP_NIL) || mp_is(value, MP_STR);
}

static bool service_types_check_type(struct slice type, struct refusal *r)
{
    struct slice config;
    bool has_config = mp_find(type, "config", &config) && !mp_is(config, MP_NIL);

    if (!service_type_is_complete(type) || !is_text_or_absent(type, "description") ||
        !is_text_or_absent(type, "docs") || (has_config && !mp_is(config, MP_MAP)))
        return refuse(
            r, "ValidationError",
            "1 validation error for ServiceTypeInfo\nid, name, definition\n  Field required");
    return is_serializable(type, TYPE_DEPTH)
               ? true
               : refuse(
                     r, "ValidationError",
                     "1 validation error for ServiceTypeInfo\ndefinition\n  Input should be JSON "
                     "serializable and at most %d levels deep",
                     TYPE_DEPTH);
}

static bool service_types_check_place(const struct rpc_call *call, const struct workspace *w,
                                      struct slice *ret_id, struct slice *ret_bare,
                                      struct refusal *r)
{
    struct slice workspace, type;

    (void)mp_find_str(call->args[0], "id", ret_id);
    split_id(*ret_id, call->workspace, &workspace, ret_bare);
    if (!slice_eq(workspace, call->workspace))
        return refuse(r, "AssertionError",
                      "Workspace mismatch: " SLICE_FMT " != " SLICE_FMT
                      ", you can only register service type "
                      "in your own workspace.",
                      SLICE_ARG(workspace), SLICE_ARG(call->workspace));
    if (!ret_bare->len || !slice_is_utf8(*ret_bare))
        return refuse(
            r, "ValidationError",
            "1 validation error for ServiceTypeInfo\nid\n  Input should be a valid string");
    if (find_type(w, *ret_bare, &type))
        return refuse(r, "KeyError", "Service type already exists: " SLICE_FMT, SLICE_ARG(*ret_id));
    return true;
}

/* The rest of the record with one type more. */
static enum record_outcome service_types_keep(struct hub *h, struct workspace *w, struct slice bare,
                                              struct slice type)
{
    struct workspace_fields f = {.name = w->name,
                                 .description = w->description,
                                 .owners = (const char *const *)w->owners,
                                 .n_owners = w->n_owners,
                                 .config = slice_make(w->config, w->config_len)};
    struct mp_open extra, types;
    struct buf b;

    buf_init(&b, loop_config(h->loop)->max_workspace_record_bytes);
    mp_open_map(&extra, &b);
    pairs_add_others(&extra, slice_make(w->extra, w->extra_len), SLICE_LIT("service_types"));
    mp_key(&extra, "service_types");
    mp_open_map(&types, &b);
    pairs_add_others(&types, types_of(w), bare);
    types.n++;
    mp_add_str(&b, bare);
    mp_add_raw(&b, type);
    mp_close(&types);
    mp_close(&extra);
    f.extra = buf_slice(&b);
    enum record_outcome outcome = b.is_failed               ? RECORD_TOO_LONG
                                  : workspace_change(w, &f) ? RECORD_OK
                                                            : RECORD_NO_ROOM;
    buf_deinit(&b);
    return outcome;
}

void do_register_service_type(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct slice id = {NULL, 0}, bare;
    struct refusal r;
    SCRATCH_BUF(type, 0);
    struct workspace *w =
        access_target(h, call, call->workspace, OPERATION_REGISTER_SERVICE_TYPE, &r);

    if (!w || !service_types_check_type(call->args[0], &r) ||
        !service_types_check_place(call, w, &id, &bare, &r)) {
        reply_refusal(call, &r);
        return;
    }
    service_types_add_type(&type, call->args[0], id);
    enum record_outcome outcome = service_types_keep(h, w, bare, buf_slice(&type));
    if (outcome != RECORD_OK) {
        refuse_record(&r, h, w, outcome);
        reply_refusal(call, &r);
        return;
    }
    workspace_persist(h, w);
    event_workspace(h, slice_of(w->id), w, "workspace_changed");
    persisted_reply(h, call, w, &type);
}

/* ---- get_service_type, list_service_types ---- */

static bool is_public(struct slice type)
{
    struct slice config, visibility;

    return mp_find(type, "config", &config) && mp_find_str(config, "visibility", &visibility) &&
           slice_is(visibility, "public");
}

void do_get_service_type(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct slice workspace, bare, type = {NULL, 0};
    struct refusal r;
    struct buf b;
    SCRATCH_BUF(id, 0);

    split_id(call_text(call, 0), call->workspace, &workspace, &bare);
    const struct workspace *w = workspace_find(&h->registry, workspace);
    bool is_there = w && find_type(w, bare, &type);
    struct access_question q = access_question_of(call, OPERATION_GET_SERVICE_TYPE);
    q.target = workspace;
    struct access_decision d = access_decide(&q);
    if (!(is_there && is_public(type)) && !access_settle(&d, &r)) {
        reply_refusal(call, &r);
        return;
    }
    if (!is_there) {
        rpc_reject(call, "KeyError", "Service type not found: " SLICE_FMT,
                   SLICE_ARG(slice_utf8_prefix(call_text(call, 0), 200)));
        return;
    }
    buf_add_fmt(&id, "%s/" SLICE_FMT, w->id, SLICE_ARG(bare));
    buf_init(&b, 0);
    service_types_add_type(&b, type, buf_slice(&id));
    reply_buf(call, &b);
}

void do_list_service_types(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct slice key, value, id;
    struct refusal r;
    struct mp_open list;
    struct mp_iter it;
    struct buf b;
    const struct workspace *w =
        access_target(h, call, call_text(call, 0), OPERATION_LIST_SERVICE_TYPES, &r);

    if (!w) {
        reply_refusal(call, &r);
        return;
    }
    buf_init(&b, 0);
    mp_open_array(&list, &b);
    mp_iter_init(&it, types_of(w));
    while (mp_iter_pair(&it, &key, &value)) {
        mp_item(&list);
        service_types_add_type(&b, value,
                               mp_find_str(value, "id", &id) ? id : (struct slice){NULL, 0});
    }
    mp_close(&list);
    reply_buf(call, &b);
}
