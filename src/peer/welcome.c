/* welcome: connection_info is built as a MessagePack map and leaves through the one JSON writer. */
#include "peer/welcome.h"

#include <string.h>

#include "auth/scope.h"
#include "auth/token.h"
#include "auth/user_mp.h"
#include "base/buf.h"
#include "base/memory.h"
#include "config/config.h"
#include "hyphad/protocol.h"
#include "peer/hub.h"
#include "peer/login.h"
#include "peer/peer.h"
#include "version.h"
#include "wire/json.h"
#include "wire/mp.h"

void welcome_set_sender_header(struct peer *p)
{
    struct buf b;

    buf_init(&b, 0);
    mp_add_text(&b, "ws");
    mp_add_str(&b, p->workspace);
    mp_add_text(&b, "from");
    mp_add_text(&b, p->full_id);
    mp_add_text(&b, "user");
    user_add_mp(&b, p->user, true);
    size_t len = b.len;
    p->sender_header_bytes = buf_take(&b);
    ASSERT(p->sender_header_bytes != NULL);
    p->sender_header = (struct rpc_sender_header){slice_make(p->sender_header_bytes, len), 3};
}

char *welcome_reconnection_token(const struct peer *p)
{
    /* The joined user's scope already names this workspace and this client: exactly what the token
     * is to admit. */
    int64_t life_s = (int64_t)(loop_config(p->pl->loop)->reconnection_token_life_time_ms / 1000);

    return token_mint_reconnection(p->pl->hub->keys, p->user, life_s);
}

static void welcome_add_pair(struct buf *b, const char *key, const char *value)
{
    mp_add_text(b, key);
    mp_add_text(b, value);
}

void welcome_send(struct peer *p)
{
    const struct server_info *info = p->pl->hub->info;
    char *token = welcome_reconnection_token(p);
    SCRATCH_BUF(b, 0);
    SCRATCH_BUF(json, 0);

    mp_add_map(&b, 10);
    welcome_add_pair(&b, "type", "connection_info");
    welcome_add_pair(&b, "hypha_version", HYPHA_PROTOCOL_VERSION);
    welcome_add_pair(&b, "public_base_url", info->public_base_url);
    welcome_add_pair(&b, "local_base_url", info->local_base_url);
    welcome_add_pair(&b, "manager_id", info->manager_id);
    mp_add_text(&b, "workspace");
    mp_add_str(&b, p->workspace);
    mp_add_text(&b, "client_id");
    mp_add_str(&b, p->client_id);
    mp_add_text(&b, "user");
    user_add_mp(&b, p->user, true);
    welcome_add_pair(&b, "reconnection_token", token);
    mp_add_text(&b, "reconnection_token_life_time");
    mp_add_float(&b, (double)loop_config(p->pl->loop)->reconnection_token_life_time_ms / 1000.0);
    if (!b.is_failed && json_from_mp(buf_slice(&b), &json) == JSON_OK)
        p->via->send_text(p, buf_slice(&json));
    mem_free(token);
}

void welcome_refuse(struct peer *p, struct slice text)
{
    SCRATCH_BUF(b, 0);

    buf_add_text(&b, "{\"type\":\"error\",\"message\":");
    json_add_text(&b, text);
    buf_add_byte(&b, '}');
    p->via->send_text(p, buf_slice(&b));
}
