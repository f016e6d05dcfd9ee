/* service_choice: from the id a caller wrote to one registered service: the forms of an id,
 * which registrations it names, and which of several is meant. Hub loop. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"
#include "manager/reply.h"
#include "wire/address.h"

struct hub;
struct manager;
struct rpc_call;
struct service;

/* GetServiceConfig, checked. Slices borrow from the call. */
struct service_options {
    struct slice mode;            /* empty: not given */
    struct slice case_conversion; /* empty: none */
    double timeout_s, select_timeout_s;
};
bool service_options_read(struct slice map, struct service_options *ret,
                          struct refusal *ret_refusal);

/* Parses an id as callers write it; the workspace is filled in from the context. '~' is left to
 * the caller (is_manager). */
bool service_id_read(struct slice text, struct slice context, struct service_id *ret,
                     struct refusal *ret_refusal);

/* The registrations an id names, literally, that the caller may use, in order of registration. */
struct service_set {
    struct service **items; /* owned array of borrowed records: valid in this turn only */
    size_t n_items;
};
/* False: nothing the caller may use; the refusal says "Service not found: ..." or why not. */
bool service_set_find(struct hub *h, const struct rpc_call *call, const struct service_id *id,
                      struct service_set *ret, struct refusal *ret_refusal);
void service_set_deinit(struct service_set *set);
bool service_not_found(const struct service_id *id, struct refusal *ret_refusal); /* false */
/* The only one, or the refusal "Multiple services found for ...". */
struct service *service_choose_exact(struct hub *h, const struct rpc_call *call,
                                     const struct service_id *id, struct refusal *ret_refusal);

enum service_criterion { SELECT_MIN, SELECT_MAX, SELECT_FIRST_SUCCESS };
enum { CHOICE_MADE, CHOICE_REFUSED, CHOICE_ASK };
struct service_choice {
    struct service *service; /* CHOICE_MADE */
    enum service_criterion
        criterion; /* CHOICE_ASK: every instance is to be asked (service_select) */
    struct slice function;
};
/* Applies a mode (empty: random in workspace public, else exact) to a set that is not empty. */
int service_choose(const struct service_set *set, const struct service_id *id, struct slice mode,
                   struct service_choice *ret, struct refusal *ret_refusal);
struct service *service_pick_random(const struct service_set *set);
