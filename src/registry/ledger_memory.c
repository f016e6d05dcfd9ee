/* ledger_memory: nothing is stored: who follows has it all. */
#include "registry/ledger_memory.h"

#include "base/memory.h"
#include "registry/change.h"

struct memory_ledger {
    struct ledger ledger;
    const struct registry *replica; /* borrowed */
    uint64_t last;
};

static uint64_t number_of(const struct registry *r, const struct ledger_guard *guard)
{
    if (guard->record == LEDGER_WORKSPACE) {
        const struct workspace *w = workspace_find(r, guard->id);
        return w ? w->number : 0;
    }
    const struct client *c = client_find_any(r, guard->id);
    return c ? c->generation : 0;
}

static enum ledger_result memory_commit(struct ledger *l, struct change *c,
                                        const struct ledger_guard *guard)
{
    struct memory_ledger *m = CONTAINER_OF(l, struct memory_ledger, ledger);

    if (number_of(m->replica, guard) != guard->number)
        return LEDGER_CONFLICT;
    c->number = ++m->last;
    ledger_tell(l, c);
    return LEDGER_DONE;
}

static struct ledger *memory_free(struct ledger *l)
{
    return mem_free(CONTAINER_OF(l, struct memory_ledger, ledger));
}

static const struct ledger_engine memory_engine = {memory_commit, memory_free};

struct ledger *ledger_memory_new(const struct registry *replica)
{
    struct memory_ledger *m = MEM_NEW(struct memory_ledger);

    ledger_init(&m->ledger, &memory_engine);
    m->replica = replica;
    return &m->ledger;
}
