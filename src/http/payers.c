/* payers: one table for all loops, since connections of one address are dealt to all of them. The
 * lock is held for one lookup when a connection is opened and closed; what the accounts count needs
 * none. */
#include "http/payers.h"

#include <pthread.h>

#include "base/account.h"
#include "base/map.h"
#include "base/memory.h"
#include "wire/ip.h"

struct payer_key {
    struct in6_addr address;
    /* enum http_payer_of; as wide as the address is aligned, so that nothing lies between */
    uint32_t of;
};

struct http_payer {
    struct http_payers *payers;
    struct account *account;
    struct payer_key key; /* of the table */
    size_t n_holders;     /* guarded by the lock */
};

struct http_payers {
    pthread_mutex_t lock; /* class http_payers */
    struct map by_address;
    struct account *http, *strangers, *door;
    size_t address_bytes;
};

struct http_payers *http_payers_new(const struct http_payers_options *options)
{
    struct http_payers *p = MEM_NEW(struct http_payers);

    pthread_mutex_init(&p->lock, NULL);
    map_init(&p->by_address);
    map_pay(&p->by_address, options->http);
    p->http = account_ref(options->http);
    p->strangers = account_ref(options->strangers);
    p->door = account_ref(options->door);
    p->address_bytes = options->address_bytes;
    return p;
}

struct http_payers *http_payers_free(struct http_payers *p)
{
    if (!p)
        return NULL;
    ASSERT(!p->by_address.n_entries);
    map_deinit(&p->by_address);
    pthread_mutex_destroy(&p->lock);
    account_unref(p->strangers);
    account_unref(p->door);
    account_unref(p->http);
    return mem_free(p);
}

static struct slice payers_key_of(const struct payer_key *key)
{
    return slice_make((const char *)key, sizeof(*key));
}

static struct http_payer *payer_new(struct http_payers *p, const struct payer_key *key)
{
    struct http_payer *payer = MEM_NEW(struct http_payer);

    payer->payers = p;
    payer->key = *key;
    payer->account = account_new(key->of == HTTP_PAYER_KNOWN ? p->http : p->strangers,
                                 ACCOUNT_ADDRESS, p->address_bytes);
    account_keep_always(p->http, mem_taken(payer));
    map_put(&p->by_address, payers_key_of(&payer->key), payer);
    return payer;
}

struct http_payer *http_payer_take(struct http_payers *p, const struct in6_addr *address,
                                   enum http_payer_of of)
{
    struct payer_key key = {ip_network(address), (uint32_t)of};

    if (!ip_is_known(address))
        return NULL;
    pthread_mutex_lock(&p->lock);
    struct http_payer *payer = map_find(&p->by_address, payers_key_of(&key));
    if (!payer)
        payer = payer_new(p, &key);
    payer->n_holders++;
    pthread_mutex_unlock(&p->lock);
    return payer;
}

struct http_payer *http_payer_leave(struct http_payer *payer)
{
    if (!payer)
        return NULL;
    struct http_payers *p = payer->payers;
    pthread_mutex_lock(&p->lock);
    bool is_last = --payer->n_holders == 0;
    if (is_last)
        map_take(&p->by_address, payers_key_of(&payer->key));
    pthread_mutex_unlock(&p->lock);
    if (!is_last)
        return NULL;
    account_drop(p->http, mem_taken(payer));
    account_unref(payer->account);
    return mem_free(payer);
}

struct account *http_payer_account(struct http_payers *p, struct http_payer *payer)
{
    return payer ? payer->account : p->strangers;
}

struct account *http_payer_account_for_little(struct http_payers *p, struct http_payer *payer)
{
    enum { LITTLE = 24 * 1024 }; /* a connection and its head */
    struct account *a = http_payer_account(p, payer);
    bool others_are_in_the_way =
        account_in_the_way(a, LITTLE) && (a == p->strangers || account_has_room(a, LITTLE));

    return others_are_in_the_way ? p->door : a;
}

struct account *http_payers_door(struct http_payers *p)
{
    return p->door;
}
