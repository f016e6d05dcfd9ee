/* workspace_env: variables shared by the members of a workspace, kept in config.environs of its
 * record. Values are never logged and never in an event. */
#include "config/config.h"
#include "manager/caller_access.h"
#include "manager/persisted_reply.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "peer/events.h"
#include "peer/hub.h"
#include "peer/workspace_lifecycle.h"
#include "peer/workspace_persistence.h"
#include "registry/registry.h"
#include "wire/mp.h"
#include "wire/pairs.h"

enum { NOTED_NAME_MAX = 1024 };

static struct slice environs_of(const struct workspace *w)
{
    struct slice environs = {NULL, 0};

    (void)mp_find(slice_make(w->config, w->config_len), "environs", &environs);
    return mp_is(environs, MP_MAP) ? environs : (struct slice){NULL, 0};
}

/* The record's config with one variable set, or removed when value is nil. */
static void workspace_env_add_config(struct buf *b, const struct workspace *w, struct slice key,
                                     struct slice value)
{
    struct mp_open config, environs;

    mp_open_map(&config, b);
    pairs_add_others(&config, slice_make(w->config, w->config_len), SLICE_LIT("environs"));
    mp_key(&config, "environs");
    mp_open_map(&environs, b);
    pairs_add_others(&environs, environs_of(w), key);
    if (value.len && !mp_is(value, MP_NIL)) {
        environs.n++;
        mp_add_str(b, key);
        mp_add_raw(b, value);
    }
    mp_close(&environs);
    mp_close(&config);
}

static bool check_pair(struct slice key, struct slice value, struct refusal *r)
{
    if (!key.len || !slice_is_utf8(key))
        return refuse(r, "ValueError", "The name of an environment variable must not be empty");
    if (mp_is(value, MP_MAP) || mp_is(value, MP_ARRAY) || mp_is(value, MP_BIN) ||
        mp_is(value, MP_EXT))
        return refuse(
            r, "TypeError",
            "The value of an environment variable must be a string, a number, a boolean or null");
    return true;
}

static bool has_variable(const struct workspace *w, struct slice wanted)
{
    struct slice key, value, name;
    struct mp_iter it;

    mp_iter_init(&it, environs_of(w));
    while (mp_iter_pair(&it, &key, &value)) {
        if (mp_get_str(key, &name) && slice_eq(name, wanted))
            return true;
    }
    return false;
}

/* The log names the variable and never its value. */
static void note_change(struct manager *m, const struct rpc_call *call, bool was_set)
{
    struct slice key = call_text(call, 0);
    bool is_set = call->args[1].len && !mp_is(call->args[1], MP_NIL);
    SCRATCH_BUF(data, 0);

    if (!is_set && !was_set)
        return;
    mp_add_map(&data, 1);
    mp_add_text(&data, "key");
    mp_add_str(&data, slice_utf8_prefix(key, NOTED_NAME_MAX));
    event_log_note(&m->event_log, call, is_set ? SLICE_LIT("env_set") : SLICE_LIT("env_removed"),
                   buf_slice(&data));
}

void do_set_env(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct slice key = call_text(call, 0);
    struct refusal r;
    struct buf b, nothing;
    struct workspace *w = access_target(h, call, call->workspace, OPERATION_SET_ENV, &r);

    if (!w || !check_pair(key, call->args[1], &r)) {
        reply_refusal(call, &r);
        return;
    }
    buf_init(&b, loop_config(h->loop)->max_workspace_record_bytes);
    workspace_env_add_config(&b, w, key, call->args[1]);
    bool was_set = has_variable(w, key);
    if (b.is_failed || !workspace_set_config(w, buf_slice(&b))) {
        refuse_record(&r, h, w, b.is_failed ? RECORD_TOO_LONG : RECORD_NO_ROOM);
        reply_refusal(call, &r);
    } else {
        note_change(arg, call, was_set);
        workspace_persist(h, w);
        event_workspace(h, slice_of(w->id), w, "workspace_changed");
        buf_init(&nothing, 0);
        persisted_reply(h, call, w, &nothing);
    }
    buf_deinit(&b);
}

void do_get_env(struct rpc_call *call, void *arg)
{
    struct hub *h = ((struct manager *)arg)->hub;
    struct slice environs, value;
    struct refusal r;
    const struct workspace *w = access_target(h, call, call->workspace, OPERATION_GET_ENV, &r);

    if (!w) {
        reply_refusal(call, &r);
        return;
    }
    environs = environs_of(w);
    if (!call_has(call, 0)) {
        static const char empty_map[] = "\x80";
        rpc_resolve(call, environs.len ? environs : slice_make(empty_map, 1));
        return;
    }
    struct slice wanted = call_text(call, 0), key, name;
    struct mp_iter it;
    mp_iter_init(&it, environs);
    while (mp_iter_pair(&it, &key, &value)) {
        if (mp_get_str(key, &name) && slice_eq(name, wanted)) {
            rpc_resolve(call, value);
            return;
        }
    }
    rpc_reject(call, "KeyError", "Environment variable '" SLICE_FMT "' not found in workspace %s",
               SLICE_ARG(slice_utf8_prefix(wanted, 200)), w->id);
}
