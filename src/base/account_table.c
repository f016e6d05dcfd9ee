/* account_table: the table holds one reference of each account; when it is the only one, the
 * account is at zero but for its name, and nobody but this thread could take another. */
#include "base/account_table.h"

#include "base/memory.h"

struct entry {
    struct account *account;
    size_t name_len;
    char name[];
};

void account_table_init(struct account_table *t)
{
    *t = (struct account_table){0};
    map_init(&t->entries);
}

void account_table_pay(struct account_table *t, struct account *payer)
{
    ASSERT(!t->entries.n_entries);
    t->payer = payer;
    map_pay(&t->entries, payer);
}

static void entry_free(struct account_table *t, struct entry *e)
{
    account_drop(t->payer, mem_taken(e));
    account_unref(e->account);
    mem_free(e);
}

void account_table_deinit(struct account_table *t)
{
    void *value;

    for (size_t at = 0; map_next(&t->entries, &at, NULL, &value);)
        entry_free(t, value);
    map_deinit(&t->entries);
}

static struct slice account_table_name_of(const struct entry *e)
{
    return slice_make(e->name, e->name_len);
}

struct account *account_table_get(struct account_table *t, struct slice name,
                                  const struct account_terms *terms)
{
    struct entry *e = map_find(&t->entries, name);

    if (e && e->account->parent == terms->parent)
        return account_ref(e->account);
    if (e) {
        account_unref(e->account);
    } else {
        e = mem_new(sizeof(*e) + name.len);
        e->name_len = name.len;
        memcpy(e->name, name.ptr, name.len);
        account_keep_always(t->payer, mem_taken(e));
        map_put(&t->entries, account_table_name_of(e), e);
    }
    e->account = account_new(terms->parent, terms->kind, terms->cap_bytes);
    return account_ref(e->account);
}

void account_table_sweep(struct account_table *t, size_t n_entries)
{
    void *value;

    for (size_t i = 0; i < n_entries && t->entries.n_entries; i++) {
        if (!map_next(&t->entries, &t->cursor, NULL, &value)) {
            t->cursor = 0;
            return;
        }
        struct entry *e = value;
        if (!account_has_others(e->account)) {
            map_take(&t->entries, account_table_name_of(e));
            t->cursor--; /* another entry may have moved into its place */
            entry_free(t, e);
        }
    }
}
