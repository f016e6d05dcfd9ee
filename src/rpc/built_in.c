/* built_in: what every participant answers: is it alive, what does it carry, and chunks. Loop of
 * the host. */
#include "rpc/built_in.h"

#include "hyphad/protocol.h"
#include "rpc/rpc_call.h"
#include "rpc/chunks_in.h"
#include "rpc/pending.h"
#include "wire/mp.h"

static struct slice arg_text(const struct rpc_call *call, unsigned i)
{
    struct slice text = {NULL, 0};

    (void)mp_get_str(call->args[i], &text);
    return text;
}

static bool arg_bool(const struct rpc_call *call, unsigned i)
{
    bool value = false;

    (void)mp_get_bool(call->args[i], &value);
    return value;
}

static void built_in_do_ping(struct rpc_call *call, void *arg)
{
    SCRATCH_BUF(b, 0);

    (void)arg;
    if (!slice_is(arg_text(call, 0), "ping")) {
        rpc_reject(call, "AssertionError", "the message must be \"ping\"");
        return;
    }
    mp_add_text(&b, "pong");
    rpc_resolve(call, buf_slice(&b));
}

static void refuse_object(struct rpc_call *call, const struct account *payer)
{
    struct account_refusal why = account_refusal(payer);

    rpc_reject_no_room(call, &why, "No room for the service object");
}

static void do_get_service(struct rpc_call *call, void *arg)
{
    struct rpc_host *h = call->host;
    struct slice id = arg_text(call, 0);
    struct hosted *s = host_find_service(h, id);

    (void)arg;
    if (!s)
        rpc_reject(call, "KeyError", "Service not found: " SLICE_FMT, SLICE_ARG(id));
    else if (!call_may_reach(h, s->service, call->workspace))
        rpc_reject(call, "PermissionError",
                   "Permission denied for getting protected service: " SLICE_FMT
                   ", workspace mismatch: " SLICE_FMT " != " SLICE_FMT,
                   SLICE_ARG(id), SLICE_ARG(h->parts.workspace), SLICE_ARG(call->workspace));
    else if (!host_service_object(h, s).len)
        refuse_object(call, h->account);
    else
        rpc_resolve(call, host_service_object(h, s));
}

/* ---- message_cache ---- */

/* With heartbeat the key is a session of ours: it must be open, to this very client, and this step
 * is a sign of life. */
static bool touch_session(struct rpc_call *call, struct slice key, bool is_heartbeat)
{
    if (!is_heartbeat)
        return true;
    struct pending *p = pending_find(call->host, key);
    if (!p || !slice_eq(p->target, call->from_text)) {
        rpc_reject(call, "KeyError", "session does not exist anymore: " SLICE_FMT, SLICE_ARG(key));
        return false;
    }
    pending_touch(p);
    return true;
}

static void built_in_answer(struct rpc_call *call, struct slice key, enum chunks_outcome outcome)
{
    struct account_refusal why;

    switch (outcome) {
    case CHUNKS_OK:
        rpc_resolve(call, (struct slice){NULL, 0});
        break;
    case CHUNKS_NO_KEY:
        rpc_reject(call, "KeyError", "Message with key " SLICE_FMT " does not exists.",
                   SLICE_ARG(key));
        break;
    case CHUNKS_KEY_EXISTS:
        rpc_reject(call, "KeyError",
                   "Message with the same key (" SLICE_FMT ") already exists in the cache store, "
                   "please use overwrite=True or remove it first.",
                   SLICE_ARG(key));
        break;
    case CHUNKS_BAD_INDEX:
        rpc_reject(call, "ValueError", "The index of the chunk is out of range");
        break;
    case CHUNKS_HOLES:
        rpc_reject(call, "ValueError", "Chunks of message " SLICE_FMT " are missing",
                   SLICE_ARG(key));
        break;
    case CHUNKS_NO_ROOM:
        why = account_refusal(rpc_call_payer(call));
        rpc_reject_no_room(call, &why, "No room for the chunked message");
        break;
    case CHUNKS_NO_CALLER: /* for its record: nobody hears it */
        rpc_reject(call, "RuntimeError", "The caller has left");
        break;
    case CHUNKS_FULL:
        rpc_reject(call, "RuntimeError",
                   "Too many or too large chunked messages (--max-chunk-keys, --max-chunk-bytes)");
        break;
    }
}

static void do_create(struct rpc_call *call, void *arg)
{
    struct slice key = arg_text(call, 0);

    (void)arg;
    if (touch_session(call, key, arg_bool(call, 1)))
        built_in_answer(call, key, chunks_create(call, key, arg_bool(call, 2)));
}

static void built_in_put(struct rpc_call *call, struct slice key, struct slice value,
                         const int64_t *index)
{
    struct slice data;

    if (!mp_get_bin(value, &data)) {
        rpc_reject(call, "TypeError", "Argument 'data' must be bytes");
        return;
    }
    if (index)
        built_in_answer(call, key, chunks_set(call, key, *index, data));
    else
        built_in_answer(call, key, chunks_append(call, key, data));
}

static void do_append(struct rpc_call *call, void *arg)
{
    struct slice key = arg_text(call, 0);

    (void)arg;
    if (touch_session(call, key, arg_bool(call, 2)))
        built_in_put(call, key, call->args[1], NULL);
}

static void do_set(struct rpc_call *call, void *arg)
{
    struct slice key = arg_text(call, 0);
    int64_t index = -1;

    (void)arg;
    (void)mp_get_int(call->args[1], &index);
    if (touch_session(call, key, arg_bool(call, 3)))
        built_in_put(call, key, call->args[2], &index);
}

static void do_remove(struct rpc_call *call, void *arg)
{
    struct slice key = arg_text(call, 0);

    (void)arg;
    built_in_answer(call, key, chunks_remove(call, key));
}

static void do_process(struct rpc_call *call, void *arg)
{
    struct slice key = arg_text(call, 0);
    struct upload_in *u;

    (void)arg;
    if (!touch_session(call, key, arg_bool(call, 1)))
        return;
    enum chunks_outcome r = chunks_take(call, key, &u);
    if (r == CHUNKS_OK)
        dispatch_unpacked(call, u);
    else
        built_in_answer(call, key, r);
}

/* ---- the table ---- */

#define KEY_PARAM                                                                                  \
    {                                                                                              \
        .name = "key", .kind = RPC_TEXT, .help = "Key of the message"                              \
    }
#define HEARTBEAT_PARAM                                                                            \
    {                                                                                              \
        .name = "heartbeat", .kind = RPC_BOOL, .is_optional = true, .default_json = "false",       \
        .help = "Whether the key is the session of a call under way, whose timer starts again"     \
    }

static const struct rpc_method methods[] = {
    {"ping",
     "Answers \"pong\" to \"ping\".",
     {{.name = "msg", .kind = RPC_TEXT, .help = "The text \"ping\""}},
     built_in_do_ping},
    {"get_service",
     "Returns a service of this client by its bare id.",
     {{.name = "service_id",
       .kind = RPC_TEXT,
       .help = "Id of the service, without workspace and client"}},
     do_get_service},
    {"message_cache.create",
     "Begins a message that arrives in chunks.",
     {KEY_PARAM,
      HEARTBEAT_PARAM,
      {.name = "overwrite",
       .kind = RPC_BOOL,
       .is_optional = true,
       .default_json = "false",
       .help = "Whether a message with the same key is dropped"}},
     do_create},
    /* Says nothing of itself: clients up to 0.20.45 repeat that twice beside every chunk, where
     * they have 1,024 bytes in all. */
    {"message_cache.append",
     "",
     {KEY_PARAM, {.name = "data", .kind = RPC_ANY, .help = "Bytes of the chunk"}, HEARTBEAT_PARAM},
     do_append},
    {"message_cache.set",
     "Puts a chunk at its index; chunks may come in any order.",
     {KEY_PARAM,
      {.name = "index", .kind = RPC_INT, .help = "Index of the chunk, from 0"},
      {.name = "data", .kind = RPC_ANY, .help = "Bytes of the chunk"},
      HEARTBEAT_PARAM},
     do_set},
    {"message_cache.process",
     "Joins the chunks and handles the message.",
     {KEY_PARAM, HEARTBEAT_PARAM},
     do_process},
    {"message_cache.remove", "Drops a message that is not complete.", {KEY_PARAM}, do_remove},
};

void built_in_init(struct rpc_service *ret, struct buf *config)
{
    mp_add_map(config, 3);
    mp_add_text(config, "require_context");
    mp_add_bool(config, true);
    mp_add_text(config, "visibility");
    mp_add_text(config, "public");
    mp_add_text(config, "api_version");
    mp_add_int(config, HYPHA_API_VERSION);
    *ret = (struct rpc_service){.id = "built-in",
                                .name = "Built-in services",
                                .type = "built-in",
                                .description = "What every participant answers.",
                                .config = buf_slice(config),
                                .methods = methods,
                                .n_methods = ARRAY_LEN(methods)};
}
