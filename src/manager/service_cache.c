/* service_cache: bounded in number and bytes, first in first out: a hub with more services in use
 * over HTTP than fit fetches some of them again, and answers the same. */
#include "manager/service_cache.h"

#include <string.h>

#include "base/memory.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "rpc/rpc.h"
#include "wire/mp.h"

struct entry {
    struct list link; /* in by_age */
    uint64_t number;  /* of the registration */
    char *full_id;    /* owned; the key */
    char *object;     /* owned */
    size_t object_len;
};

void service_cache_init(struct service_cache *c)
{
    map_init(&c->entries);
    list_init(&c->by_age);
    c->n_bytes = 0;
}

static size_t service_cache_cost_of(const struct entry *e)
{
    return sizeof(*e) + strlen(e->full_id) + e->object_len;
}

static void entry_drop(struct service_cache *c, struct entry *e)
{
    map_take(&c->entries, slice_of(e->full_id));
    list_unlink(&e->link);
    c->n_bytes -= service_cache_cost_of(e);
    mem_free(e->full_id);
    mem_free(e->object);
    mem_free(e);
}

static struct entry *service_cache_oldest(struct service_cache *c)
{
    return LIST_ENTRY(c->by_age.next, struct entry, link);
}

void service_cache_deinit(struct service_cache *c)
{
    while (!list_is_empty(&c->by_age))
        entry_drop(c, service_cache_oldest(c));
    map_deinit(&c->entries);
}

struct slice service_cache_find(struct service_cache *c, const struct service *s)
{
    struct entry *e = map_find(&c->entries, slice_of(s->full_id));

    if (e && e->number == s->number)
        return slice_make(e->object, e->object_len);
    if (e)
        entry_drop(c, e);
    return (struct slice){NULL, 0};
}

/* Whether every function in the value is reached through a registered service. The depth is that
 * of a value that was read whole, and so bounded. */
static bool is_lasting(struct slice value)
{
    struct slice key, inner, text;
    struct mp_iter it;

    if (mp_is(value, MP_MAP) && mp_find_str(value, "_rmethod", &text))
        return slice_starts(text, "services.");
    mp_iter_init(&it, value);
    if (mp_is(value, MP_MAP)) {
        while (mp_iter_pair(&it, &key, &inner)) {
            if (!is_lasting(inner))
                return false;
        }
    } else if (mp_is(value, MP_ARRAY)) {
        while (mp_iter_next(&it, &inner)) {
            if (!is_lasting(inner))
                return false;
        }
    }
    return true;
}

void service_cache_put(struct service_cache *c, const struct service *s, struct slice object)
{
    struct entry *e = map_find(&c->entries, slice_of(s->full_id));

    if (e)
        entry_drop(c, e);
    if (object.len > SERVICE_CACHE_VALUE_BYTES || !is_lasting(object))
        return;
    e = MEM_NEW(struct entry);
    *e = (struct entry){.number = s->number,
                        .full_id = mem_copy(s->full_id, strlen(s->full_id)),
                        .object = mem_copy(object.ptr, object.len),
                        .object_len = object.len};
    list_init(&e->link);
    list_link(&c->by_age, &e->link);
    map_put(&c->entries, slice_of(e->full_id), e);
    c->n_bytes += service_cache_cost_of(e);
    while (c->entries.n_entries > SERVICE_CACHE_ENTRIES || c->n_bytes > SERVICE_CACHE_BYTES)
        entry_drop(c, service_cache_oldest(c));
}

bool service_cache_serves(const struct hub *h, const struct rpc_call *call)
{
    return slice_starts(call->from.client, "client-") &&
           !client_find(&h->registry, call->from_text);
}
