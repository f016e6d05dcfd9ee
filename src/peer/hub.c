/* hub: the counters of people. A seat is a user in a workspace; its account hangs between the
 * peers' and the workspace's, so that one user cannot spend what a workspace shares. */
#include "peer/hub.h"

#include "base/account.h"
#include "base/memory.h"
#include "config/config.h"
#include "peer/blocked.h"
#include "peer/lease.h"
#include "peer/subscriptions.h"
#include "registry/ledger_memory.h"
#include "wire/ip.h"

struct hub_user {
    struct list clients; /* struct client.of_user */
    size_t n_connections;
    size_t key_len;
    char key[];
};

struct hub_address {
    size_t n_connections;
    struct in6_addr address;
};

void hub_init(struct hub *h, struct loop *loop, struct router *router,
              const struct server_info *info, const struct token_keys *keys,
              struct account *process)
{
    *h = (struct hub){.loop = loop,
                      .router = router,
                      .info = info,
                      .keys = keys,
                      .process = process,
                      .clients = process,
                      .anonymous = process,
                      .http = process,
                      .strangers = process,
                      .door = process};
    h->leases = leases_new(loop->set);
    h->blocked = blocked_new(loop->set);
    h->events = account_new(NULL, ACCOUNT_OWN, 0);
    h->ledger = ledger_memory_new(&h->registry);
    registry_init(&h->registry, loop, h->ledger);
    map_init(&h->users);
    list_init(&h->works);
    h->early_end = &h->early;
    map_init(&h->addresses);
    account_table_init(&h->seats);
    account_table_init(&h->persons);
    account_table_init(&h->owners);
    account_table_init(&h->anonymous_shares);
    map_init(&h->savings);
    registry_pay(&h->registry, process);
    map_pay(&h->users, process);
    map_pay(&h->addresses, process);
    account_table_pay(&h->seats, process);
    account_table_pay(&h->persons, process);
    account_table_pay(&h->owners, process);
    account_table_pay(&h->anonymous_shares, process);
    h->subscriptions = subscriptions_new(h);
}

static void hub_free_all(struct hub *h, struct map *m)
{
    void *value;

    for (size_t at = 0; map_next(m, &at, NULL, &value);) {
        account_drop(h->process, mem_taken(value));
        mem_free(value);
    }
    map_deinit(m);
}

void hub_deinit(struct hub *h)
{
    works_end(&h->works);
    h->subscriptions = subscriptions_free(h->subscriptions);
    hub_free_all(h, &h->users);
    hub_free_all(h, &h->addresses);
    /* the store has answered all of them before it closed */
    ASSERT(h->savings.n_entries == 0);
    map_deinit(&h->savings);
    registry_deinit(&h->registry);
    h->ledger = ledger_free(h->ledger);
    account_table_deinit(&h->seats);
    account_table_deinit(&h->owners);
    account_table_deinit(&h->persons);
    account_table_deinit(&h->anonymous_shares);
    h->events = account_unref(h->events);
    h->blocked = blocked_free(h->blocked, h->loop->set);
    h->leases = leases_free(h->leases, h->loop->set);
}

size_t hub_user_connections(const struct hub *h, const char *effective_id)
{
    const struct hub_user *hu = map_find(&h->users, slice_of(effective_id));

    return hu ? hu->n_connections : 0;
}

static struct slice address_key(const struct in6_addr *network)
{
    return slice_make(network->s6_addr, sizeof(network->s6_addr));
}

struct account *hub_anonymous_share(struct hub *h, const struct in6_addr *from)
{
    const struct config *config = loop_config(h->loop);
    struct account_terms terms = {h->anonymous, ACCOUNT_ANONYMOUS_SHARE,
                                  config->anonymous_bytes * config->address_share / 100};
    struct in6_addr network = ip_network(from);

    return account_table_get(&h->anonymous_shares, address_key(&network), &terms);
}

/* No two seats have one name: what it is made of is text that has no NUL in it, ended by one, or of
 * a fixed size. A workspace that was made again has another incarnation, those that are never made
 * again have none. network: NULL for who is logged in. */
static void add_seat_name(struct buf *name, const struct workspace *w, const char *user_id,
                          const struct in6_addr *network)
{
    buf_add(name, w->id, strlen(w->id) + 1);
    buf_add(name, user_id, strlen(user_id) + 1);
    buf_add(name, &w->incarnation, sizeof(w->incarnation));
    if (network)
        buf_add_slice(name, address_key(network));
}

static struct account *person_account(struct hub *h, const char *user_id)
{
    struct account_terms terms = {h->clients, ACCOUNT_PERSON, loop_config(h->loop)->person_bytes};

    return account_table_get(&h->persons, slice_of(user_id), &terms);
}

struct workspace *hub_add_workspace(struct hub *h, const struct workspace_fields *f)
{
    const char *maker = workspace_maker(f);
    struct account *parent =
        maker && !f->is_system ? person_account(h, maker) : account_ref(h->clients);
    struct workspace *w =
        workspace_add(&h->registry, f, parent, loop_config(h->loop)->workspace_bytes);

    account_unref(parent);
    return w;
}

/* Where the seat hangs, with a reference: in a workspace that nobody has made everybody holds what
 * they hold by themselves. */
static struct account *seat_parent(struct hub *h, const struct workspace *w, const struct user *u,
                                   const struct in6_addr *address)
{
    if (u->is_anonymous)
        return hub_anonymous_share(h, address);
    return w->is_system ? person_account(h, user_effective_id(u)) : account_ref(w->account);
}

struct account *hub_seat_account(struct hub *h, struct workspace *w, const struct user *u,
                                 const struct in6_addr *address)
{
    struct account *parent = seat_parent(h, w, u, address);
    struct in6_addr network = ip_network(address);
    SCRATCH_BUF(name, 0);

    struct account_terms terms = {parent, ACCOUNT_USER, loop_config(h->loop)->user_bytes};

    add_seat_name(&name, w, user_effective_id(u), u->is_anonymous ? &network : NULL);
    struct account *a = account_table_get(&h->seats, buf_slice(&name), &terms);
    account_unref(parent);
    return a;
}

/* Whoever has made it; with a reference. */
static struct account *owner_account(struct hub *h, const struct workspace *w)
{
    struct account_terms terms = {w->account->parent, ACCOUNT_OWNER,
                                  loop_config(h->loop)->user_bytes};

    return account_table_get(&h->owners, slice_of(w->creator), &terms);
}

bool hub_keep_workspace(struct hub *h, struct workspace *w, struct account_refusal *ret_why)
{
    struct account *owner = owner_account(h, w);
    bool is_kept = workspace_pay(w, owner);

    if (!is_kept)
        *ret_why = account_refusal(owner);
    account_unref(owner);
    return is_kept;
}

void hub_keep_workspace_always(struct hub *h, struct workspace *w)
{
    struct account *owner = owner_account(h, w);

    workspace_pay_always(w, owner);
    account_unref(owner);
}

void hub_sweep(struct hub *h)
{
    enum { SWEEP = 1024 };

    account_table_sweep(&h->seats, SWEEP);
    account_table_sweep(&h->owners, SWEEP);
    account_table_sweep(&h->persons, SWEEP);
    account_table_sweep(&h->anonymous_shares, SWEEP);
}

struct account *hub_seat_take(struct hub *h, struct workspace *w, const struct user *u,
                              const struct in6_addr *address)
{
    struct slice id = slice_of(user_effective_id(u));
    struct hub_user *hu = map_find(&h->users, id);

    if (!hu) {
        hu = mem_new(sizeof(*hu) + id.len);
        list_init(&hu->clients);
        hu->key_len = id.len;
        memcpy(hu->key, id.ptr, id.len);
        map_put(&h->users, slice_make(hu->key, hu->key_len), hu);
        account_keep_always(h->process, mem_taken(hu));
    }
    hu->n_connections++;
    return hub_seat_account(h, w, u, address);
}

void hub_seat_leave(struct hub *h, const struct user *u)
{
    struct hub_user *hu = map_find(&h->users, slice_of(user_effective_id(u)));

    ASSERT(hu && hu->n_connections);
    if (--hu->n_connections)
        return;
    map_take(&h->users, slice_make(hu->key, hu->key_len));
    account_drop(h->process, mem_taken(hu));
    mem_free(hu);
}

bool hub_users_next(const struct hub *h, size_t *cursor, struct slice *ret_effective_id,
                    size_t *ret_n)
{
    void *value;

    if (!map_next(&h->users, cursor, ret_effective_id, &value))
        return false;
    *ret_n = ((const struct hub_user *)value)->n_connections;
    return true;
}

static struct hub_address *find_address(const struct hub *h, const struct in6_addr *address)
{
    struct in6_addr network = ip_network(address);

    return map_find(&h->addresses, address_key(&network));
}

size_t hub_address_connections(const struct hub *h, const struct in6_addr *address)
{
    const struct hub_address *ha = find_address(h, address);

    return ha ? ha->n_connections : 0;
}

void hub_address_take(struct hub *h, const struct in6_addr *address)
{
    struct hub_address *ha = find_address(h, address);

    if (!ip_is_known(address))
        return;
    if (!ha) {
        ha = MEM_NEW(struct hub_address);
        ha->address = ip_network(address);
        map_put(&h->addresses, address_key(&ha->address), ha);
        account_keep_always(h->process, mem_taken(ha));
    }
    ha->n_connections++;
}

void hub_address_leave(struct hub *h, const struct in6_addr *address)
{
    struct hub_address *ha = find_address(h, address);

    if (!ip_is_known(address))
        return;
    ASSERT(ha && ha->n_connections);
    if (--ha->n_connections == 0) {
        map_take(&h->addresses, address_key(&ha->address));
        account_drop(h->process, mem_taken(ha));
        mem_free(ha);
    }
}

void hub_client_join(struct hub *h, struct client *c)
{
    struct hub_user *hu = map_find(&h->users, slice_of(user_effective_id(c->user)));

    ASSERT(hu);
    list_link(&hu->clients, &c->of_user);
}

const struct list *hub_user_clients(const struct hub *h, struct slice effective_id)
{
    const struct hub_user *hu = map_find(&h->users, effective_id);

    return hu ? &hu->clients : NULL;
}

void hub_client_leave(struct hub *h, struct client *c)
{
    list_unlink(&c->of_user);
    subscriptions_leave(h->subscriptions, c);
    hub_seat_leave(h, c->user);
    hub_address_leave(h, &c->origin.address);
}
