/* kit: a registry on a loop that is never run: it only counts. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/user.h"
#include "auth/user_make.h"
#include "base/memory.h"
#include "harness/check.h"
#include "registry/registry.h"

struct kit {
    struct loop loop;
    struct registry r;
    struct user *user;
};

static inline void kit_init(struct kit *k)
{
    memset(k, 0, sizeof(*k));
    registry_init(&k->r, &k->loop);
    k->user = user_new_http_anonymous();
}

static inline void kit_deinit(struct kit *k)
{
    registry_deinit(&k->r);
    user_unref(k->user);
    CHECK_INT(k->loop.metrics.values[METRIC_SERVICES], 0);
    CHECK_INT(k->loop.metrics.values[METRIC_WORKSPACES], 0);
}

static inline struct workspace *kit_workspace(struct kit *k, const char *id)
{
    return workspace_add(&k->r, &(struct workspace_fields){.id = id}, NULL, 0);
}

static inline struct client *kit_client(struct kit *k, struct workspace *w, const char *id)
{
    return client_add(&k->r, w, slice_of(id), k->user, (struct handle){0}, false);
}

static inline struct service *kit_service(struct kit *k, struct client *c, const char *name, const char *type, const char *app)
{
    bool is_replaced;
    struct service_fields f = {.name = slice_of(name), .app_id = slice_of(app), .type = slice_of(type), .info = SLICE_LIT("\x80")};

    return service_add(&k->r, c, &f, &is_replaced);
}
