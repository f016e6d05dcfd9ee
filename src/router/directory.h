/* directory: where the holder of each address is. Read from any loop without a lock, written under
 * a lock per shard. Entries are immutable and copied out by value; what a writer unpublishes is
 * retired by epoch. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/epoch.h"
#include "base/slice.h"
#include "router/route.h"

/* writers are few; each table that a crowd made grow pins pages of its own */
enum { DIRECTORY_SHARDS = 16 };

struct account;
struct entry;
struct table;

struct shard {
    _Atomic(struct table *) table; /* any thread: seq_cst, see epoch.c */
    pthread_mutex_t lock;          /* class directory_shard: writers only */
    size_t n_live, n_used;         /* under the lock; used counts removed places too */
};

struct directory {
    /* borrowed: keeps tables and entries; const after start; NULL = nobody */
    struct account *payer;
    struct shard shards[DIRECTORY_SHARDS];
    struct epoch epoch;
};

void directory_init(struct directory *d, unsigned n_readers);
/* Before anything is put: who keeps it all. The account outlives the directory. */
void directory_pay(struct directory *d, struct account *payer);
void directory_deinit(struct directory *d); /* frees what is left */
/* `reader`: the calling loop's index. */
bool directory_find(struct directory *d, unsigned reader, struct slice key, struct route *ret);
/* Returns true when the key was held already: *ret_replaced is the route it held. */
bool directory_put(struct directory *d, struct slice key, struct route route,
                   struct route *ret_replaced);
/* Removes the key only while it holds exactly this route. */
bool directory_remove(struct directory *d, struct slice key, struct route route);
/* frees retired entries nobody can see; any thread, now and then */
void directory_collect(struct directory *d);
/* the length of its table; for tests, while nobody writes */
size_t directory_shard_places(const struct shard *shard);
