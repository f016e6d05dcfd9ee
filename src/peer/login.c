/* login: nothing a client sends before it is admitted is kept beyond the one message, and nobody is
 * told a name that does not work yet. */
#include "peer/login.h"

#include <stdio.h>
#include <string.h>

#include "auth/token.h"
#include "base/account.h"
#include "base/buf.h"
#include "base/memory.h"
#include "base/rate_counter.h"
#include "config/config.h"
#include "hyphad/protocol.h"
#include "peer/connect_authorization.h"
#include "peer/asker.h"
#include "peer/welcome.h"
#include "peer/hub.h"
#include "peer/connect_request.h"
#include "peer/leave.h"
#include "peer/life.h"
#include "peer/login_queue.h"
#include "peer/peer.h"
#include "peer/subscription.h"
#include "wire/json.h"
#include "wire/mp.h"

void login_undecodable(struct peer *p)
{
    loop_count(p->pl->loop, METRIC_LOGINS_REFUSED, 1);
    peer_refuse(p, &(struct peer_refusal){
                       .outcome = CONNECT_REFUSED,
                       .code = HYPHA_CLOSE_UNSUPPORTED,
                       .rule = "first-message",
                       .text = SLICE_LIT("Failed to decode authentication information")});
}

/* A text field, where null, absent and "" are all "not given". False: it is there, but no text. */
static bool text_field(struct slice map, const char *key, struct slice *ret)
{
    struct slice value;

    *ret = (struct slice){NULL, 0};
    if (!mp_find(map, key, &value) || mp_is(value, MP_NIL))
        return true;
    return mp_get_str(value, ret);
}

/* For the log. */
static struct peer_claim claim_of(const struct connect_request *j)
{
    return (struct peer_claim){.client = slice_of(j->ask.client_id),
                               .workspace = slice_of(j->ask.workspace ? j->ask.workspace : ""),
                               .user = slice_of(j->ask.user ? j->ask.user->id : "")};
}

/* Whoever pays before it is known who comes has no room for the question. */
static void peer_login_refuse_for_room(struct peer *p, struct peer_claim claim)
{
    struct account_refusal why = account_refusal(p->account);
    char room[ACCOUNT_REFUSAL_MAX];

    loop_count(p->pl->loop, METRIC_CHARGES_REFUSED, 1);
    peer_refuse(p, &(struct peer_refusal){
                       .outcome = CONNECT_LIMITED,
                       .code = HYPHA_CLOSE_TRY_AGAIN,
                       .rule = account_refusal_rule(&why),
                       .claim = claim,
                       .text = slice_of(account_refusal_text(
                           &why, "There is no room for the login, please retry", room))});
}

/* Fills in who asks. False: the token is no good, and the peer has been refused. */
static bool peer_login_identify(struct peer *p, struct connect_request *j,
                                const struct login_claim *claim)
{
    char error[TOKEN_ERROR_MAX];

    if (!claim->token.len) {
        j->ask.user = user_new_anonymous(j->ask.client_id);
        return true;
    }
    if (claim->asker ? !asker_join(claim->asker, j, error)
                     : !connect_request_take_token(j, claim->by, claim->token, error)) {
        if (j->ask.lacks_room) {
            peer_login_refuse_for_room(p, claim_of(j));
            return false;
        }
        char text[TOKEN_ERROR_MAX + 32];
        int n = snprintf(text, sizeof(text), "Authentication error: %s", error);
        loop_count(p->pl->loop, METRIC_LOGINS_REFUSED, 1);
        peer_refuse(p, &(struct peer_refusal){.outcome = CONNECT_TOKEN_ERROR,
                                              .code = HYPHA_CLOSE_POLICY,
                                              .text = slice_make(text, (size_t)n),
                                              .rule = access_rule_name(RULE_TOKEN),
                                              .claim = claim_of(j)});
        return false;
    }
    return true;
}

static void peer_login_admitted(struct peer *p, struct connect_request *j)
{
    struct peer_loop *pl = p->pl;
    struct account *leaf =
        account_new_leaf(j->answer.account, ACCOUNT_PEER, loop_config(pl->loop)->peer_bytes);
    struct msg *m;

    peer_move(p, leaf);
    p->user = user_ref(j->answer.user);
    p->via->admitted(p);
    p->is_read_only =
        !access_decide(&(struct access_question){.user = j->answer.user,
                                                 .operation = OPERATION_BROADCAST,
                                                 .context = slice_of(j->answer.workspace)})
             .is_allowed;
    p->generation = j->answer.generation;
    p->meter = rate_counter_ref(j->answer.meter);
    welcome_set_sender_header(p);
    peer_account_for(p);
    p->state = PEER_OPEN;
    p->since_s = (uint32_t)(loop_now_ms(pl->loop) / 1000);
    peer_log_connected(p);
    router_join(pl->router, &p->endpoint, p->workspace, j->answer.of_workspace);
    subscription_restore(p, slice_make(j->answer.hears, j->answer.hears_len));
    loop_count(pl->loop, p->via->open, 1);
    loop_count(pl->loop, p->via->established, 1);
    loop_count(pl->loop, METRIC_PEERS, 1);
    pl->n_logins--;
    welcome_send(p);
    while ((m = ring_take(&p->early)))
        p->via->send(p, m);
    ring_trim(&p->early);
    if (loop_config(pl->loop)->ws_idle_timeout_ms)
        timer_start(pl->loop, &p->timer, loop_config(pl->loop)->ws_idle_timeout_ms);
    login_queue_wake(pl);
}

static void name_peer(struct peer *p, const struct connect_request *j)
{
    struct buf full;

    buf_init(&full, 0);
    buf_add_fmt(&full, "%s/%s", j->answer.workspace, j->ask.client_id);
    p->full_id = buf_take(&full);
    p->workspace = slice_make(p->full_id, strlen(j->answer.workspace));
    p->client_id = slice_of(p->full_id + p->workspace.len + 1);
}

static void peer_login_on_answer(struct connect_request *j)
{
    struct peer *p = peer_find(j->ask.asker, j->ask.handle);

    if (!p && !j->answer.close_code) {
        /* The connection ended while it was being admitted. */
        SCRATCH_BUF(full, 0);
        buf_add_fmt(&full, "%s/%s", j->answer.workspace, j->ask.client_id);
        leave_tell(j->ask.hub, j->ask.asker, buf_slice(&full), j->answer.generation);
    } else if (p && j->answer.close_code) {
        peer_refuse(p, &(struct peer_refusal){.outcome = (int)j->answer.outcome,
                                              .code = j->answer.close_code,
                                              .text = slice_of(j->answer.text),
                                              .rule = access_rule_name(j->answer.decision.rule),
                                              .claim = claim_of(j)});
    } else if (p) {
        name_peer(p, j);
        peer_login_admitted(p, j);
    }
    connect_request_free(j);
}

void login_ask(struct peer *p, const struct login_claim *claim)
{
    struct slice workspace = claim->workspace.len ? claim->workspace : (struct slice){NULL, 0};
    struct connect_request *j =
        connect_request_new(claim->kind, p->account, claim->client_id, workspace);

    if (!j) {
        peer_login_refuse_for_room(
            p, (struct peer_claim){.client = claim->client_id, .workspace = claim->workspace});
        return;
    }
    j->ask.hub = p->pl->hub;
    j->ask.asker = p->pl->loop;
    j->ask.handle = p->endpoint.handle;
    j->ask.on_answer = peer_login_on_answer;
    j->ask.address = p->address;
    if (!peer_login_identify(p, j, claim)) {
        connect_request_free(j);
        return;
    }
    peer_joins(p);
    connect_authorize(j);
}

static bool has_nul(struct slice s)
{
    return slice_has_byte(s, '\0');
}

void login_first_message(struct peer *p, struct slice text)
{
    struct slice rest, map, client_id, workspace, token, reconnection;
    struct buf b;

    buf_init(&b, 0);
    if (json_to_mp(text, &b, NULL) != JSON_OK)
        goto undecodable;
    rest = buf_slice(&b);
    if (mp_take(&rest, MP_MAX_DEPTH, &map) != MP_OK || !mp_is(map, MP_MAP) ||
        !text_field(map, "workspace", &workspace) || !text_field(map, "token", &token) ||
        !text_field(map, "reconnection_token", &reconnection))
        goto undecodable;
    /* A client id of another kind is refused as an empty one is; one with a NUL by its grammar. */
    if (!text_field(map, "client_id", &client_id))
        client_id = (struct slice){NULL, 0};
    if (has_nul(workspace) || has_nul(client_id))
        goto undecodable;
    login_ask(p, &(struct login_claim){.kind = CONNECT_CLIENT,
                                       .client_id = client_id,
                                       .workspace = workspace,
                                       .token = reconnection.len ? reconnection : token,
                                       .by = reconnection.len ? CONNECT_BY_RECONNECTION
                                                              : CONNECT_BY_TOKEN});
    buf_deinit(&b);
    return;
undecodable:
    buf_deinit(&b);
    login_undecodable(p);
}
