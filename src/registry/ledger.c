/* ledger: what all engines have in common. */
#include "registry/ledger.h"

void ledger_init(struct ledger *l, const struct ledger_engine *engine)
{
    l->engine = engine;
    list_init(&l->followers);
}

struct ledger *ledger_free(struct ledger *l)
{
    if (!l)
        return NULL;
    ASSERT(list_is_empty(&l->followers));
    return l->engine->free(l);
}

void ledger_follow(struct ledger *l, struct ledger_follower *f)
{
    list_link_first(&l->followers, &f->link);
}

void ledger_unfollow(struct ledger_follower *f)
{
    list_unlink(&f->link);
}

void ledger_tell(struct ledger *l, const struct change *c)
{
    LIST_FOREACH (it, &l->followers) {
        struct ledger_follower *f = LIST_ENTRY(it, struct ledger_follower, link);
        f->on_change(f, c);
    }
}

enum ledger_result ledger_commit(struct ledger *l, struct change *c,
                                 const struct ledger_guard *guard)
{
    return l->engine->commit(l, c, guard);
}
