/* account_table: accounts found by a name, so that whoever comes under it again has the same cap.
 * An entry stays while somebody holds its account, and until a sweep after that. Owner's thread
 * only; the accounts themselves are anybody's. */
#pragma once
#include "base/account.h"
#include "base/map.h"

struct account_table {
    struct map entries;    /* name -> struct entry, owned */
    struct account *payer; /* of the entries; borrowed; NULL = nobody */
    size_t cursor;         /* of the sweep */
};

struct account_terms {
    struct account *parent;
    enum account_kind kind;
    size_t cap_bytes;
};

void account_table_init(struct account_table *t);
void account_table_pay(struct account_table *t, struct account *payer); /* while empty */
/* accounts live on while they are held */
void account_table_deinit(struct account_table *t);
/* With a reference. Made by the terms when there is none, or when the one there is hangs on another
 * parent. */
struct account *account_table_get(struct account_table *t, struct slice name,
                                  const struct account_terms *terms);
/* Drops those among so many entries that nobody holds any more; goes on where it ended. */
void account_table_sweep(struct account_table *t, size_t n_entries);
