/* peer_log: who, from where, by what. */
#include "peer/peer_log.h"

#include "base/log_event.h"
#include "peer/peer.h"
#include "wire/ip.h"

static const char *peer_log_address_of(const struct peer *p, char room[IP_TEXT_MAX])
{
    room[0] = '\0';
    if (ip_is_known(&p->address))
        ip_print(&p->address, room);
    return room;
}

static int64_t seconds_of(const struct peer *p)
{
    return (int64_t)(uint32_t)(loop_now_ms(p->pl->loop) / 1000 - p->since_s);
}

void peer_log_connected(const struct peer *p)
{
    char address[IP_TEXT_MAX];

    LOG_EVENT(EVENT_CLIENT_CONNECTED, log_text("client", p->full_id), log_text("user", p->user->id),
              log_text("address", peer_log_address_of(p, address)), log_text("via", p->via->name));
}

void peer_log_refused(const struct peer *p, const struct peer_claim *claim, const char *rule,
                      struct slice reason)
{
    char address[IP_TEXT_MAX];

    LOG_EVENT(EVENT_CLIENT_REFUSED, log_slice("client", claim->client),
              log_slice("workspace", claim->workspace), log_slice("user", claim->user),
              log_text("address", peer_log_address_of(p, address)), log_text("via", p->via->name),
              log_text("rule", rule), log_slice("reason", reason));
}

void peer_log_end(const struct peer *p, struct slice reason)
{
    char address[IP_TEXT_MAX];

    if (p->state == PEER_OPEN)
        LOG_EVENT(EVENT_CLIENT_DISCONNECTED, log_text("client", p->full_id),
                  log_text("user", p->user->id),
                  log_text("address", peer_log_address_of(p, address)),
                  log_text("via", p->via->name), log_int("seconds", seconds_of(p)),
                  log_slice("reason", reason));
    else
        LOG_EVENT(EVENT_LOGIN_LEFT, log_text("address", peer_log_address_of(p, address)),
                  log_text("via", p->via->name), log_int("seconds", seconds_of(p)));
}

void peer_log_slow(const struct peer *p, size_t waiting_bytes)
{
    char address[IP_TEXT_MAX];

    LOG_EVENT(EVENT_SLOW_CONSUMER, log_text("client", p->full_id),
              log_text("user", p->user ? p->user->id : ""),
              log_text("address", peer_log_address_of(p, address)),
              log_int("waiting_bytes", (int64_t)waiting_bytes));
}
