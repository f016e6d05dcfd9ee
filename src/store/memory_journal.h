/* memory_journal: the journal of the engine that forgets. The store room's own. */
#pragma once
#include "base/list.h"
#include "store/op_journal.h"

/* Of all rows together: this engine has no disk to put them on. */
enum { MEMORY_JOURNAL_BYTES_MAX = 64 * 1024 * 1024 };

struct memory_journal {
    struct list rows;   /* oldest first */
    struct list shares; /* in no order */
    int64_t next_id;
    struct account *own; /* pays; borrowed */
};

void memory_journal_init(struct memory_journal *j, struct account *own);
void memory_journal_deinit(struct memory_journal *j);
int memory_journal_run(struct memory_journal *j, struct store_op *op); /* the outcome */
