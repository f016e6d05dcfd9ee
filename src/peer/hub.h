/* hub: what the whole server knows about who is here, owned by one loop, the hub loop
 * (docs/decisions/0001): joins, leaves and manager calls are serialised there by their mail, so no
 * two of them can see half of each other. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "auth/token.h"
#include "base/account_table.h"
#include "base/map.h"
#include "loop/loop.h"
#include "peer/server_info.h"
#include "registry/registry.h"

struct account;
struct blocks;
struct buf;
struct blocked;
struct leases;
struct ledger;
struct revocations;
struct router;
struct store;
struct subscriptions;
struct verifier;

struct hub {
    /* const after start */
    struct loop *loop;
    struct router *router;
    const struct server_info *info;
    const struct token_keys *keys;
    struct account *process; /* the root of all byte accounts */
    /* below it: everything that is held for others than the server itself */
    struct account *clients;
    struct account *anonymous; /* below that: those without a login */
    /* below that: HTTP connections, and those not logged in yet */
    struct account *http;
    /* below that: those of them who have shown no token */
    struct account *strangers;
    /* below the root: heads and health while strangers have filled theirs */
    struct account *door;
    /* owned: one for each loop, which alone touches it (peer/lease.h) */
    struct leases *leases;
    /* owned: as the leases, of the addresses that are blocked (peer/blocked.h) */
    struct blocked *blocked;
    /* a root of its own, of nobody's: who receives an event pays for it while it waits */
    struct account *events;
    /* hub loop only */
    struct registry registry;
    struct ledger *ledger; /* owned: what the registry follows */
    struct revocations *revocations;
    /* NULL before the hub is open and after it was closed */
    struct verifier *verifier;
    struct blocks *blocks;
    struct store *store;
    /* owned: what clients hear, and will hear again */
    struct subscriptions *subscriptions;
    /* workspace id -> struct saving: records on their way into the store */
    struct map savings;
    bool savings_are_closed;
    /* struct work: what goes on until the hub ends, and is cut then */
    struct list works;
    /* what the store has of tokens, blocks and workspaces has been read */
    bool is_open;
    /* of joins that came before: first come, first asked (peer/connect_authorization.h) */
    struct mail *early, **early_end;
    /* the server ends: nobody is let in, nothing is begun, answers of the store mean nothing */
    bool is_closing;
    /* effective id -> struct hub_user, owned: connections per user */
    struct map users;
    /* client address -> struct hub_address, owned: connections per address */
    struct map addresses;
    /* workspace, user id, network of the anonymous: what a user holds in a workspace */
    struct account_table seats;
    /* user id: what it holds in the workspaces it has made, and others in them */
    struct account_table persons;
    /* user id: what the records of the workspaces it has made take */
    struct account_table owners;
    /* network: what people without a login hold who come from it, and their workspaces */
    struct account_table anonymous_shares;
};

void hub_init(struct hub *h, struct loop *loop, struct router *router,
              const struct server_info *info, const struct token_keys *keys,
              struct account *process);
void hub_deinit(struct hub *h);

/* Connections of one user, children of its tokens included (D-11). */
size_t hub_user_connections(const struct hub *h, const char *effective_id);
/* Takes a place for a connection: counts it, and returns the account (workspace and user in one)
 * its peer's account hangs on, with a reference. Of somebody without a login it is below the share
 * of the network, wherever the workspace hangs: whoever comes without a name is bounded by where
 * from. In a workspace of the server's own it is below its person. */
struct account *hub_seat_take(struct hub *h, struct workspace *w, const struct user *u,
                              const struct in6_addr *address);
/* The same account for who acts there without a connection: with a reference, nothing is
 * counted. */
struct account *hub_seat_account(struct hub *h, struct workspace *w, const struct user *u,
                                 const struct in6_addr *address);
/* Makes a workspace for somebody with a login, or one of the server's own. What is in it counts for
 * who has made it. */
struct workspace *hub_add_workspace(struct hub *h, const struct workspace_fields *f);
/* Under which a workspace is made for who comes without a login, with a reference. from: their
 * address. */
struct account *hub_anonymous_share(struct hub *h, const struct in6_addr *from);
/* False: who made it has no room for it, as *ret_why says. */
MUST_CHECK bool hub_keep_workspace(struct hub *h, struct workspace *w,
                                   struct account_refusal *ret_why);
void hub_keep_workspace_always(struct hub *h, struct workspace *w);
/* accounts nobody holds any more; some of them, every second */
void hub_sweep(struct hub *h);
void hub_seat_leave(struct hub *h, const struct user *u);
/* Walks the users that have connections; start with *cursor = 0. They must not change during a
 * walk. */
bool hub_users_next(const struct hub *h, size_t *cursor, struct slice *ret_effective_id,
                    size_t *ret_n);
/* Connections of one client address; one that is not known is never counted. */
size_t hub_address_connections(const struct hub *h, const struct in6_addr *address);
void hub_address_take(struct hub *h, const struct in6_addr *address);
void hub_address_leave(struct hub *h, const struct in6_addr *address);
/* A remote client that has taken a seat is found by whose it is, too. */
void hub_client_join(struct hub *h, struct client *c);
/* Gives back everything it was counted for. Its record is still there. */
void hub_client_leave(struct hub *h, struct client *c);
/* struct client.of_user: the connections of one person, children of their tokens included; NULL:
 * there are none. */
const struct list *hub_user_clients(const struct hub *h, struct slice effective_id);
