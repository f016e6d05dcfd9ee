/* blocked: a map per loop from a network to the moment its block ends, by the clock that nobody
 * sets. */
#include "peer/blocked.h"

#include <string.h>

#include "auth/blocks.h"
#include "auth/user.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "peer/hub.h"
#include "peer/peer.h"
#include "wire/ip.h"

struct blocked {         /* of one loop, which alone touches it */
    struct map networks; /* network -> struct entry, owned */
};

struct entry {
    struct in6_addr network;
    uint64_t until_ms; /* clock_mono_ms; UINT64_MAX: for good */
};

struct change {
    struct mail mail;
    struct hub *hub;
    struct entry entry;
    bool holds;
};

static struct slice blocked_key_of(const struct in6_addr *network)
{
    return slice_make(network->s6_addr, sizeof(network->s6_addr));
}

struct blocked *blocked_new(const struct loop_set *set)
{
    struct blocked *all = mem_new(set->n_loops * sizeof(*all));

    for (unsigned i = 0; i < set->n_loops; i++)
        map_init(&all[i].networks);
    return all;
}

struct blocked *blocked_free(struct blocked *all, const struct loop_set *set)
{
    for (unsigned i = 0; i < set->n_loops; i++) {
        size_t cursor = 0;
        void *value;
        while (map_next(&all[i].networks, &cursor, NULL, &value))
            mem_free(value);
        map_deinit(&all[i].networks);
    }
    return mem_free(all);
}

static void run_change(struct loop *loop, struct mail *mail)
{
    struct change *m = CONTAINER_OF(mail, struct change, mail);
    struct map *networks = &m->hub->blocked[loop->index].networks;

    mem_free(map_take(networks, blocked_key_of(&m->entry.network)));
    if (m->holds) {
        struct entry *e = MEM_NEW(struct entry);
        *e = m->entry;
        map_put(networks, blocked_key_of(&e->network), e);
    }
    mem_free(m);
}

static void on_block(const struct block *block, bool holds, void *arg)
{
    struct hub *h = arg;
    struct entry e = {.until_ms = block->until_ms};
    char text[IP_TEXT_MAX] = "";

    if (block->kind != BLOCK_ADDRESS || block->subject.len >= sizeof(text))
        return;
    memcpy(text, block->subject.ptr, block->subject.len);
    if (!ip_network_parse(text, &e.network))
        return;
    for (unsigned i = 0; i < h->loop->set->n_loops; i++) {
        struct change *m = MEM_NEW(struct change);
        *m = (struct change){{NULL, run_change}, h, e, holds};
        loop_post(h->loop, &h->loop->set->loops[i], &m->mail);
    }
}

void blocked_follow(struct hub *h)
{
    blocks_watch(h->blocks, on_block, h);
}

bool blocked_covers(const struct peer *p, const struct in6_addr *address)
{
    const struct loop *loop = p->pl->loop;
    const struct map *networks = &p->pl->hub->blocked[loop->index].networks;

    LOOP_ASSERT(loop);
    if (!networks->n_entries || !ip_is_known(address) ||
        (p->user && strcmp(p->user->id, "root") == 0))
        return false;
    struct in6_addr network = ip_network(address);
    const struct entry *e = map_find(networks, blocked_key_of(&network));
    return e && clock_mono_ms() < e->until_ms;
}
