/* auth_provider: who would be asked is looked up each time: nothing here can outlive a
 * registration. Whoever could register such a service with less than all power would have all power
 * by it, so the user behind it is looked at too, not only the workspace. */
#include "manager/auth_provider.h"

#include "auth/user.h"
#include "auth/user_mp.h"
#include "auth/verify.h"
#include "base/log.h"
#include "base/memory.h"
#include "manager/manager.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/mp.h"

static const struct service *auth_provider_find(const struct hub *h)
{
    struct service_query query = {.workspace = SLICE_LIT("ws-user-root"),
                                  .type = SLICE_LIT("hypha-auth-provider")};
    struct service_cursor cursor;
    const struct service *s;

    service_query_start(&cursor, &h->registry, &query);
    while ((s = service_query_next(&cursor))) {
        if (user_permission(s->client->user, SLICE_LIT("*")) == PERMISSION_ADMIN)
            return s;
    }
    return NULL;
}

bool auth_provider_is(struct hub *h, struct slice address)
{
    const struct service *s = auth_provider_find(h);

    return s && slice_is(address, s->client->full_id);
}

static uint64_t auth_provider_who(void *arg)
{
    const struct service *s = auth_provider_find(((struct manager *)arg)->hub);

    return s ? s->number + 1 : 0;
}

/* Calls a function of the provider; args: an encoded array. */
static void auth_provider_request(struct manager *m, const struct service *s, const char *function,
                                  struct slice args, rpc_done *done, void *arg)
{
    SCRATCH_BUF(method, 0);

    buf_add_fmt(&method, "services." SLICE_FMT ".%s", SLICE_ARG(s->name), function);
    struct rpc_request r = {.target = slice_of(s->client->full_id),
                            .method = buf_slice(&method),
                            .args = args,
                            .promise = RPC_PROMISE_FULL,
                            .deadline_ms = VERIFY_PROVIDER_MS};
    (void)rpc_request(m->places[MANAGER_ROOT].host, &r, done, arg);
}

/* ---- parse_token ---- */

static void on_user(const struct rpc_reply *reply, void *arg)
{
    struct slice none = {0};

    if (reply->outcome == RPC_RESOLVED) {
        verification_settle(arg, reply->value);
        return;
    }
    /* Its words for a refusal are its own business, and may repeat the token. */
    LOG(reply->outcome == RPC_REJECTED ? LOG_INFO : LOG_WARN, "manager",
        "authentication provider refused a token",
        log_int("answered", reply->outcome == RPC_REJECTED));
    verification_settle(arg, none);
}

static void auth_provider_ask(void *arg, struct slice text, struct verification *v)
{
    struct manager *m = arg;
    const struct service *s = auth_provider_find(m->hub);
    SCRATCH_BUF(args, 0);

    ASSERT(s != NULL); /* auth_provider_who() has just named it */
    mp_add_array(&args, 1);
    mp_add_str(&args, text);
    auth_provider_request(m, s, "parse_token", buf_slice(&args), on_user, v);
}

void auth_provider_open(struct manager *m)
{
    struct verifier_provider provider = {auth_provider_who, auth_provider_ask, m};

    if (m->hub->verifier)
        verifier_set_provider(m->hub->verifier, &provider);
}

void auth_provider_close(struct manager *m)
{
    if (m->hub->verifier)
        verifier_set_provider(m->hub->verifier, NULL);
}

/* ---- generate_token ---- */

static bool has_function(const struct service *s, const char *name)
{
    struct slice schema, function;

    return mp_find(slice_make(s->info, s->info_len), "service_schema", &schema) &&
           mp_find(schema, name, &function);
}

static void auth_provider_on_token(const struct rpc_reply *reply, void *arg)
{
    struct rpc_call *call = arg;
    struct slice text;

    if (reply->outcome == RPC_RESOLVED && mp_get_str(reply->value, &text) && text.len)
        rpc_resolve(call, reply->value);
    else
        rpc_reject(call, "RuntimeError", "The authentication provider has made no token");
}

bool auth_provider_generate(struct manager *m, struct rpc_call *call, const struct user *user,
                            int64_t life_s)
{
    const struct service *s = auth_provider_find(m->hub);
    SCRATCH_BUF(args, 0);

    if (!s || !has_function(s, "generate_token"))
        return false;
    mp_add_array(&args, 2);
    user_add_mp(&args, user, true);
    mp_add_int(&args, life_s);
    auth_provider_request(m, s, "generate_token", buf_slice(&args), auth_provider_on_token, call);
    return true;
}
