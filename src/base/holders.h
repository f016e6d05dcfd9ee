/* holders: who has how much of a table that many fill. The table keeps its own order; each of its
 * members embeds a holding, which counts for whoever has put it there. When the table is full,
 * this says whose turn it is to give something up: of who has most the oldest, and nobody takes
 * from who would have less than they have then. So nobody's flood takes the place of others.
 * Owner's thread only. */
#pragma once
#include <stddef.h>

#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"

struct account;
struct holder;

struct holding {      /* zero: of nobody */
    struct list link; /* in its holder's, the oldest first */
    struct holder *holder;
    size_t n;
};

struct holders {
    struct map by_name;   /* struct holder, owned */
    struct holder **heap; /* owned; whoever has most stands first */
    size_t n_room;
    size_t n; /* of all */
    struct account *payer;
};

void holders_init(struct holders *h);
void holders_pay(struct holders *h,
                 struct account *payer); /* while empty; the account outlives it */
void holders_deinit(struct holders *h);  /* must be empty */
/* n: in whatever unit the table has its limits in. */
void holding_take(struct holders *h, struct holding *g, struct slice name, size_t n);
void holding_leave(struct holders *h, struct holding *g); /* harmless when it is of nobody */
struct slice holding_name(
    const struct holding *g); /* as long as it is held; empty when it is of nobody */
size_t holders_of(const struct holders *h, struct slice name);
struct holding *holders_oldest(const struct holders *h,
                               struct slice name); /* NULL: there is none of that name */
/* What is to go next so that `name` can have n more; NULL: nothing, and it cannot have them. */
struct holding *holders_give_way(const struct holders *h, struct slice name, size_t n);
