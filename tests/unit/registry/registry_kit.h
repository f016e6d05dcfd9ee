/* registry_kit: a registry on a loop that is never run: it counts, and what goes on over turns goes
 * on by kit_turn(). */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/user.h"
#include "auth/user_make.h"
#include "base/memory.h"
#include "harness/check.h"
#include "registry/ledger_memory.h"
#include "registry/registry.h"

struct kit {
    struct loop loop;
    struct registry r;
    struct ledger *ledger;
    struct user *user;
};

static inline void kit_init_on(struct kit *k,
                               struct ledger *(*open)(const struct registry *replica))
{
    memset(k, 0, sizeof(*k));
    k->loop.thread = pthread_self();
    list_init(&k->loop.again);
    loop_begin_part(&k->loop, 1000 * 1000);
    k->ledger = open(&k->r);
    registry_init(&k->r, &k->loop, k->ledger);
    k->user = user_new_http_anonymous();
}

static inline void kit_init(struct kit *k)
{
    kit_init_on(k, ledger_memory_new);
}

static inline void kit_deinit(struct kit *k)
{
    registry_deinit(&k->r);
    k->ledger = ledger_free(k->ledger);
    user_unref(k->user);
    CHECK_INT(k->loop.metrics.values[METRIC_SERVICES], 0);
    CHECK_INT(k->loop.metrics.values[METRIC_WORKSPACES], 0);
}

/* From here on there is no time: each piece of work stops at its first look at the clock. */
static inline void kit_hurry(struct kit *k)
{
    loop_begin_part(&k->loop, 0);
}

/* One turn of what goes on. False: nothing does. */
static inline bool kit_turn(struct kit *k)
{
    if (list_is_empty(&k->loop.again))
        return false;
    struct deferred *d = LIST_ENTRY(k->loop.again.next, struct deferred, link);
    list_unlink(&d->link);
    d->run(d);
    return true;
}

static inline struct workspace *kit_workspace(struct kit *k, const char *id)
{
    return workspace_add(&k->r, &(struct workspace_fields){.id = id}, NULL, 0);
}

static inline struct client *kit_client(struct kit *k, struct workspace *w, const char *id)
{
    return client_add(&k->r, w, slice_of(id), k->user, (struct handle){0}, false);
}

static inline struct service *kit_service(struct kit *k, struct client *c, const char *name,
                                          const char *type, const char *app)
{
    bool is_replaced;
    struct service_fields f = {.name = slice_of(name),
                               .app_id = slice_of(app),
                               .type = slice_of(type),
                               .info = SLICE_LIT("\x80")};

    return service_add(&k->r, c, &f, &is_replaced);
}
