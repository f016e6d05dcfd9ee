/* event_rule: may a client of this workspace subscribe to that event type? Pure. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"
#include "manager/reply.h"

enum { EVENT_TYPE_MAX = 512 };
bool event_type_check(struct slice type, struct slice workspace, struct refusal *ret_refusal);
