/* event_log: what members of a workspace write down for themselves, kept by the store's journal.
 * Each reads back what they wrote there, and nothing else. A row is acknowledged when it will
 * survive a crash. Not the events of peer/events.h, which are announced and forgotten. Hub loop. */
#pragma once
#include "base/list.h"
#include "base/slice.h"
#include "loop/timer.h"

struct hub;
struct rpc_call;

/* questions the store works on at once: an answer is megabytes */
enum { EVENT_LOG_READS = 2 };

struct event_log {
    struct hub *hub;
    struct timer trim;
    struct list waiting, running; /* struct event_question */
    unsigned n_running;
};

void event_log_init(struct event_log *log, struct hub *h);
/* Questions that wait are refused, those under way still answer by themselves. */
void event_log_deinit(struct event_log *log);
/* Writes a row in the name of the caller; nobody waits for it, but what is asked of the store
 * later is durable later. */
void event_log_note(struct event_log *log, const struct rpc_call *call, struct slice type,
                    struct slice data);
