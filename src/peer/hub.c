/* hub: the counters of people. A seat is a user in a workspace; its account hangs between the peers' and the workspace's, so
 * that one user cannot spend what a workspace shares. */
#include "peer/hub.h"

#include "base/account.h"
#include "base/memory.h"
#include "config/config.h"
#include "peer/lease.h"
#include "peer/subscriptions.h"
#include "wire/ip.h"

struct hub_user {
    struct list clients;        /* struct client.of_user */
    size_t n_connections;
    size_t key_len;
    char key[];
};

struct hub_address {
    size_t n_connections;
    struct in6_addr address;
};

struct hub_seat {
    struct account *account;
    size_t n_connections;
    size_t key_len;
    char key[];
};

void hub_init(struct hub *h, struct loop *loop, struct router *router, const struct server_info *info,
              const struct token_keys *keys, struct account *process)
{
    *h = (struct hub){.loop = loop, .router = router, .info = info, .keys = keys, .process = process, .clients = process, .http = process};
    h->leases = leases_new(loop->set);
    h->events = account_new(NULL, ACCOUNT_OWN, 0);
    registry_init(&h->registry, loop);
    map_init(&h->users);
    map_init(&h->addresses);
    map_init(&h->seats);
    map_init(&h->savings);
    registry_pay(&h->registry, process);
    map_pay(&h->users, process);
    map_pay(&h->addresses, process);
    map_pay(&h->seats, process);
    h->subscriptions = subscriptions_new(h);
}

static void free_all(struct hub *h, struct map *m)
{
    void *value;

    for (size_t at = 0; map_next(m, &at, NULL, &value);) {
        account_drop(h->process, mem_taken(value));
        mem_free(value);
    }
    map_deinit(m);
}

static void free_seats(struct hub *h)
{
    void *value;

    for (size_t at = 0; map_next(&h->seats, &at, NULL, &value);) {
        struct hub_seat *seat = value;
        account_drop(seat->account->parent, mem_taken(seat));
        account_unref(seat->account);
        mem_free(seat);
    }
    map_deinit(&h->seats);
}

void hub_deinit(struct hub *h)
{
    h->subscriptions = subscriptions_free(h->subscriptions);
    free_all(h, &h->users);
    free_all(h, &h->addresses);
    free_seats(h);
    ASSERT(h->savings.n_entries == 0);  /* the store has answered all of them before it closed */
    map_deinit(&h->savings);
    registry_deinit(&h->registry);
    h->events = account_unref(h->events);
    h->leases = leases_free(h->leases, h->loop->set);
}

size_t hub_user_connections(const struct hub *h, const char *effective_id)
{
    const struct hub_user *hu = map_find(&h->users, slice_of(effective_id));

    return hu ? hu->n_connections : 0;
}

static struct slice seat_key(struct buf *b, const struct workspace *w, const struct user *u)
{
    buf_init(b, 0);
    buf_add_text(b, w->id);
    buf_add_byte(b, '/');
    buf_add_text(b, user_effective_id(u));
    return buf_slice(b);
}

struct account *hub_seat_take(struct hub *h, struct workspace *w, const struct user *u)
{
    struct slice id = slice_of(user_effective_id(u));
    struct hub_user *hu = map_find(&h->users, id);
    struct buf b;
    struct slice key = seat_key(&b, w, u);
    struct hub_seat *seat = map_find(&h->seats, key);

    if (!hu) {
        hu = mem_new(sizeof(*hu) + id.len);
        list_init(&hu->clients);
        hu->key_len = id.len;
        memcpy(hu->key, id.ptr, id.len);
        map_put(&h->users, slice_make(hu->key, hu->key_len), hu);
        account_keep_always(h->process, mem_taken(hu));
    }
    hu->n_connections++;
    if (!seat) {
        seat = mem_new(sizeof(*seat) + key.len);
        seat->account = account_new(w->account, ACCOUNT_USER, h->loop->config->user_bytes);
        seat->key_len = key.len;
        memcpy(seat->key, key.ptr, key.len);
        map_put(&h->seats, slice_make(seat->key, seat->key_len), seat);
        account_keep_always(w->account, mem_taken(seat));
    }
    seat->n_connections++;
    buf_deinit(&b);
    return account_ref(seat->account);
}

void hub_seat_leave(struct hub *h, struct workspace *w, const struct user *u)
{
    struct hub_user *hu = map_find(&h->users, slice_of(user_effective_id(u)));
    struct buf b;
    struct hub_seat *seat = map_find(&h->seats, seat_key(&b, w, u));

    ASSERT(hu && hu->n_connections && seat && seat->n_connections);
    if (--hu->n_connections == 0) {
        map_take(&h->users, slice_make(hu->key, hu->key_len));
        account_drop(h->process, mem_taken(hu));
        mem_free(hu);
    }
    if (--seat->n_connections == 0) {
        map_take(&h->seats, slice_make(seat->key, seat->key_len));
        account_drop(w->account, mem_taken(seat));
        account_unref(seat->account);
        mem_free(seat);
    }
    buf_deinit(&b);
}

bool hub_users_next(const struct hub *h, size_t *cursor, struct slice *ret_effective_id, size_t *ret_n)
{
    void *value;

    if (!map_next(&h->users, cursor, ret_effective_id, &value))
        return false;
    *ret_n = ((const struct hub_user *)value)->n_connections;
    return true;
}

static struct slice address_key(const struct in6_addr *network)
{
    return slice_make(network->s6_addr, sizeof(network->s6_addr));
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
    hub_seat_leave(h, c->workspace, c->user);
    hub_address_leave(h, &c->origin.address);
}
