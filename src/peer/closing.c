/* closing: there are at most --max-http-calls leases and as many upgrades as may wait, so a closing
 * looks at all. */
#include "peer/closing.h"

#include <string.h>

#include "auth/user.h"
#include "base/memory.h"
#include "hyphad/protocol.h"
#include "loop/loop.h"
#include "peer/access.h"
#include "peer/hub.h"
#include "peer/connect_request.h"
#include "peer/lease.h"
#include "peer/life.h"
#include "peer/peer.h"
#include "wire/ip.h"

bool closing_covers(const struct closing *c, const struct user *u, const struct in6_addr *address)
{
    switch (c->kind) {
    case CLOSING_TOKEN:
        return u && lineage_has(&u->lineage, c->digest);
    case CLOSING_USER:
        return u && (slice_is(c->user, u->id) || (u->parent && slice_is(c->user, u->parent)));
    default:
        break;
    }
    struct in6_addr network = ip_network(address);
    return ip_is_known(address) && IN6_ARE_ADDR_EQUAL(&c->network, &network) &&
           !(u && strcmp(u->id, "root") == 0);
}

struct closing_mail {
    struct mail mail;
    struct hub *hub;
    struct closing closing; /* its texts and its digest are in text */
    char text[];
};

static bool closing_is_meant(const struct lease *l, const struct closing *c)
{
    return closing_covers(c, l->user, &l->address) &&
           !(l->client.len && slice_eq(l->client, c->except));
}

/* There are no more of them than places to log in. */
static void end_new_peer(struct list *greeting, const struct closing *c)
{
    struct list done;

    list_init(&done);
    while (!list_is_empty(greeting)) {
        struct peer *p = LIST_ENTRY(greeting->next, struct peer, link);
        list_unlink(&p->link);
        list_link(&done, &p->link);
        if (closing_covers(c, NULL, &p->address))
            peer_refuse(p, &(struct peer_refusal){.outcome = CONNECT_BLOCKED,
                                                  .code = HYPHA_CLOSE_POLICY,
                                                  .text = c->reason,
                                                  .rule = access_rule_name(RULE_BLOCKED)});
    }
    list_move_all(greeting, &done);
}

/* Ending one may end others: each is looked at in the list that it leaves by itself. */
static void run_closing(struct loop *loop, struct mail *mail)
{
    struct closing_mail *m = CONTAINER_OF(mail, struct closing_mail, mail);
    struct list *open = &m->hub->leases[loop->index].open, done;

    list_init(&done);
    while (!list_is_empty(open)) {
        struct lease *l = LIST_ENTRY(open->next, struct lease, link);
        list_unlink(&l->link);
        list_link(&done, &l->link);
        if (closing_is_meant(l, &m->closing))
            lease_end(l, m->closing.kind == CLOSING_TOKEN ? CONNECT_TOKEN_ERROR : CONNECT_BLOCKED,
                      m->closing.reason);
    }
    list_move_all(open, &done);
    end_new_peer(&m->hub->leases[loop->index].greeting, &m->closing);
    mem_free(m);
}

static struct slice closing_keep(char **at, struct slice text)
{
    struct slice kept = slice_make(*at, text.len);

    if (text.len)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return kept;
}

void closing_send(struct hub *h, const struct closing *c)
{
    struct slice digest =
        slice_make(c->digest, c->kind == CLOSING_TOKEN ? LINEAGE_DIGEST_BYTES : 0);
    size_t n = digest.len + c->user.len + c->reason.len + c->except.len;

    LOOP_ASSERT(h->loop);
    for (unsigned i = 0; i < h->loop->set->n_loops; i++) {
        struct closing_mail *m = mem_new(sizeof(*m) + n);
        char *at = m->text;
        *m = (struct closing_mail){.mail = {NULL, run_closing}, .hub = h, .closing = *c};
        m->closing.digest = (const uint8_t *)closing_keep(&at, digest).ptr;
        m->closing.user = closing_keep(&at, c->user);
        m->closing.reason = closing_keep(&at, c->reason);
        m->closing.except = closing_keep(&at, c->except);
        loop_post(h->loop, &h->loop->set->loops[i], &m->mail);
    }
}
