/* ledger_memory: the ledger of an instance that is alone: the registry is all there is. */
#pragma once
#include "registry/ledger.h"

struct registry;

/* replica: it has been told of all changes, and guards are looked up in it. It need not be
 * initialised yet, and outlives the ledger. */
MUST_CHECK struct ledger *ledger_memory_new(const struct registry *replica);
