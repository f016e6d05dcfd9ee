/* service_select: asks every instance of a service and takes the best answer: mode
 * `select:criterion:function`. Hub loop. (D-40, D-53) */
#pragma once
#include "manager/service_choice.h"

struct manager;

enum { SELECT_ASKED_MAX = 64 }; /* instances asked at once; of more, some chosen by chance */

typedef void service_selected(const char *full_id, void *arg);
/* done comes exactly once, maybe before this returns, with the full id of one instance of the
 * set: the best, or any when none gave a usable answer in time. */
struct service_question {
    const struct service_set *set;
    const struct service_choice *choice;
    double timeout_s;
};
void service_select(struct manager *m, const struct rpc_call *call,
                    const struct service_question *question, service_selected *done, void *arg);
