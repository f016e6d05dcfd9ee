/* explain_case: the user is let in on trial first (connect_dry_run), because what somebody
 * may do depends on where they act and with which grants; then the operation is asked about. */
#include "admin/explain_case.h"

#include <string.h>

#include "auth/scope.h"
#include "auth/token.h"
#include "auth/user_make.h"
#include "auth/user_mp.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/creation.h"
#include "manager/service_choice.h"
#include "manager/workspace_draft.h"
#include "peer/connect_authorization.h"
#include "peer/hub.h"
#include "peer/connect_request.h"
#include "registry/registry.h"
#include "rpc/rpc.h"
#include "wire/mp.h"

/* ---- the question ---- */

/* "generate_token:admin" asks for a token that holds admin. */
static bool read_operation(struct explain_case *c, struct slice text, struct refusal *r)
{
    struct slice name = text, level = SLICE_LIT("read_write");

    (void)slice_cut(text, ':', &name, &level);
    c->operation = access_operation_find(name);
    if (c->operation == OPERATION_COUNT ||
        (name.len != text.len && c->operation != OPERATION_GENERATE_TOKEN))
        return refuse(r, "ValueError", "Unknown operation: " SLICE_FMT,
                      SLICE_ARG(slice_utf8_prefix(text, 100)));
    if (!permission_from_name(level, &c->wanted))
        return refuse(r, "ValueError", "Unknown permission: " SLICE_FMT,
                      SLICE_ARG(slice_utf8_prefix(level, 100)));
    return true;
}

bool explain_read(struct explain_case *c, struct refusal *r)
{
    c->workspace = call_text(c->call, 1);
    c->service = call_text(c->call, 2);
    if (!c->workspace.len)
        return refuse(r, "ValueError", "A workspace must be named");
    if (call_has(c->call, 3) && call_text(c->call, 3).len)
        return read_operation(c, call_text(c->call, 3), r);
    c->operation = c->service.len ? OPERATION_GET_SERVICE : OPERATION_JOIN;
    return true;
}

/* ---- who ---- */

/* Somebody who is here is who they said when they came; their client in the workspace asked
 * about comes first. */
static const struct client *find_connected(const struct explain_case *c, struct slice id)
{
    const struct client *found = NULL;
    size_t at = 0;
    void *value;

    while (map_next(&c->hub->registry.clients, &at, NULL, &value)) {
        const struct client *client = value;
        if (client->is_virtual || !slice_is(id, client->user->id))
            continue;
        if (slice_is(c->workspace, client->workspace->id))
            return client;
        found = found ? found : client;
    }
    return found;
}

static bool take_id(struct explain_case *c, struct slice id, struct refusal *r)
{
    const struct client *client = find_connected(c, id);

    if (slice_is(id, "root")) {
        c->user = user_new_root("ws-user-root");
    } else if (slice_is(id, "anonymous")) {
        bool is_connecting =
            c->operation == OPERATION_JOIN || access_operation_is_inside(c->operation);
        c->user = is_connecting ? user_new_anonymous("explain") : user_new_http_anonymous();
        return true;
    } else if (client) {
        c->user = user_ref(client->user);
        c->is_connected = true;
    } else if (user_id_is_valid(id)) {
        c->user = user_new(id);
        user_add_own_grants(c->user); /* as a fresh login of that person */
    } else {
        return refuse(r, "ValueError", "That is neither a user id nor a token");
    }
    c->by = CONNECT_BY_TOKEN;
    return true;
}

bool explain_person(struct explain_case *c, struct slice who, struct refusal *r)
{
    struct slice text, scope;

    if (mp_get_str(who, &text))
        return take_id(c, text, r);
    c->user = user_from_mp(who);
    if (!c->user)
        return refuse(r, "TypeError",
                      "A user map has an id, and roles, email, parent and scope as they are shown");
    c->is_connected = mp_find(who, "scope", &scope) && mp_is(scope, MP_MAP);
    if (!c->is_connected)
        user_add_own_grants(c->user);
    c->by = c->user->is_anonymous ? CONNECT_BY_NOTHING : CONNECT_BY_TOKEN;
    return true;
}

void explain_token(struct explain_case *c, struct token *token)
{
    c->user = user_ref(token->user);
    c->by = CONNECT_BY_TOKEN;
    c->bound_workspace = c->user->current_workspace;
    c->bound_client = c->user->scope.client_id;
}

/* ---- the entry ---- */

static char *explain_case_copy(struct slice text)
{
    return mem_copy(text.ptr, text.len);
}

/* Where the user has to be for it: in the workspace asked about, or wherever that user is. */
static char *entry_of(const struct explain_case *c)
{
    const struct scope *s = &c->user->scope;
    bool is_there = c->is_connected && s->current_workspace;

    if (is_there && c->operation == OPERATION_UNREGISTER_SERVICE)
        return explain_case_copy(slice_of(s->current_workspace));
    if (c->operation == OPERATION_JOIN || c->operation == OPERATION_HTTP ||
        access_operation_is_inside(c->operation))
        return explain_case_copy(c->workspace);
    if (is_there)
        return explain_case_copy(slice_of(s->current_workspace));
    /* Of somebody who has never logged in too a token says where it acts. */
    return c->user->is_anonymous && !c->is_connected && c->by == CONNECT_BY_NOTHING
               ? explain_case_copy(SLICE_LIT("ws-anonymous"))
               : NULL;
}

/* Without a token one acts over HTTP only, or in a workspace of one's own. */
static enum connect_kind kind_of(const struct explain_case *c)
{
    bool is_http = c->operation == OPERATION_HTTP || strcmp(c->user->id, "anonymouz-http") == 0;

    return is_http && c->operation != OPERATION_JOIN ? CONNECT_REQUEST : CONNECT_CLIENT;
}

static void dry_run(struct explain_case *c)
{
    const char *client_id = c->bound_client ? c->bound_client : "explain";

    char *entry = entry_of(c);
    struct connect_request *j =
        connect_request_new(kind_of(c), rpc_call_payer(c->call), slice_of(client_id),
                            entry ? slice_of(entry) : (struct slice){NULL, 0});

    mem_free(entry);
    if (!j)
        return;
    j->ask.hub = c->hub;
    j->ask.user = user_ref(c->user);
    j->ask.by = c->by;
    j->ask.bound_workspace = c->bound_workspace;
    j->ask.bound_client = c->bound_client;
    connect_dry_run(j);
    c->join = j;
}

/* ---- the decision ---- */

static struct access_question question_of(const struct explain_case *c)
{
    const char *client = c->is_connected ? c->user->scope.client_id : NULL;

    return (struct access_question){.user = c->join->answer.user,
                                    .operation = c->operation,
                                    .context = slice_of(c->join->answer.workspace),
                                    .client = client ? slice_of(client) : SLICE_LIT(""),
                                    .target = c->workspace,
                                    .workspace = workspace_find(&c->hub->registry, c->workspace),
                                    .wanted = c->wanted};
}

/* A glob finds what a listing shows, whatever is to be done with it. */
static bool is_listed(const struct access_question *q)
{
    struct access_question list = *q;

    list.operation = OPERATION_LIST_SERVICES;
    return access_decide(&list).is_allowed;
}

/* Of several registrations one that may be used decides. */
static bool explain_case_decide_service(struct explain_case *c, struct access_question *q,
                                        struct refusal *r)
{
    struct service_cursor cursor;
    struct service_id id;
    bool is_any = false;

    if (!service_id_read(c->service, c->workspace, &id, r))
        return false;
    if (!slice_eq(id.workspace, c->workspace))
        return refuse(r, "ValueError", "The service id names another workspace");
    struct service_query query = service_query_of_id(&id);
    service_query_start(&cursor, &c->hub->registry, &query);
    while (!c->decision.is_allowed && (q->service = service_query_next(&cursor))) {
        if (id.is_glob && !is_listed(q))
            continue;
        c->decision = access_decide(q);
        is_any = true;
    }
    if (is_any)
        return true;
    q->service = NULL;
    c->decision = access_decide(q);
    if (id.is_manager)
        c->decision = (struct access_decision){.is_allowed = true, .rule = RULE_OPEN};
    else if (c->decision.is_allowed || c->operation != OPERATION_UNREGISTER_SERVICE)
        c->decision = access_denial(RULE_NO_SERVICE, c->workspace);
    return true;
}

static void decide_creation(struct explain_case *c, struct access_question *q)
{
    struct refusal r;

    if (q->workspace) {
        q->operation = OPERATION_OVERWRITE;
        c->decision = access_decide(q);
        return;
    }
    q->max = loop_config(c->hub->loop)->max_workspaces_per_user;
    q->used = q->max ? workspaces_owned(c->hub, q->user) : 0;
    c->decision = access_decide(q);
    if (c->decision.is_allowed &&
        !workspace_id_allowed(c->workspace, strcmp(q->user->id, "root") == 0, &r))
        c->decision = access_denial(RULE_NAME, c->workspace);
}

/* What a connection holds on its own workspace it was given at the entry: why, is what is asked. */
static void add_origin(struct explain_case *c)
{
    const struct access_decision *entry = &c->join->answer.decision;

    if (c->decision.rule != RULE_GRANT || !entry->is_allowed ||
        !slice_eq(c->decision.workspace, entry->workspace))
        return;
    c->decision.rule = entry->rule;
    c->decision.grant = entry->grant;
    c->decision.owned = entry->owned;
}

bool explain_decide(struct explain_case *c, struct refusal *r)
{
    if (!c->user) {
        c->decision = access_denial(RULE_TOKEN, c->workspace);
        return true;
    }
    dry_run(c);
    if (!c->join)
        return refuse(r, "RuntimeError", "Too many bytes under way");
    c->decision = c->join->answer.decision;
    c->is_entry = !c->join->answer.user && c->operation != OPERATION_JOIN;
    bool is_entry_all =
        c->operation == OPERATION_JOIN || (c->operation == OPERATION_HTTP && !c->service.len);
    if (!c->join->answer.user || is_entry_all)
        return true;
    struct access_question q = question_of(c);
    c->decision = (struct access_decision){0};
    if (c->service.len && !explain_case_decide_service(c, &q, r))
        return false;
    if (!c->service.len && c->operation == OPERATION_CREATE_WORKSPACE)
        decide_creation(c, &q);
    else if (!c->service.len)
        c->decision = access_decide(&q);
    add_origin(c);
    return true;
}

void explain_deinit(struct explain_case *c)
{
    connect_request_free(c->join);
    user_unref(c->user);
}
