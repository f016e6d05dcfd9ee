/* manager_fixture: a registry without a loop thread, callers made by hand, and MessagePack values
 * written as JSON. */
#pragma once
#include <stdio.h>
#include <string.h>

#include "auth/scope.h"
#include "auth/user.h"
#include "base/memory.h"
#include "manager/reply.h"
#include "peer/hub.h"
#include "registry/ledger_memory.h"
#include "registry/registry.h"
#include "rpc/rpc.h"
#include "wire/json.h"

#include "harness/check.h"

struct fixture {
    struct loop loop; /* never run: it counts */
    struct hub hub;
};

static inline struct fixture *fixture_new(void)
{
    struct fixture *f = MEM_NEW(struct fixture);

    f->hub.loop = &f->loop;
    f->loop.thread = pthread_self();
    f->loop.allowance_ns = UINT64_MAX / 4; /* nothing is too long for one turn here, */
    f->loop.item_late_at_ns = UINT64_MAX;  /* nor for a share of it */
    f->hub.ledger = ledger_memory_new(&f->hub.registry);
    registry_init(&f->hub.registry, &f->loop, f->hub.ledger);
    return f;
}

static inline void fixture_free(struct fixture *f)
{
    registry_deinit(&f->hub.registry);
    ledger_free(f->hub.ledger);
    mem_free(f);
}

static inline struct workspace *make_workspace(struct fixture *f, const char *id, const char *owner)
{
    const char *const owners[] = {owner};
    struct workspace_fields fields = {.id = id, .owners = owners, .n_owners = 1};

    return workspace_add(&f->hub.registry, &fields, NULL, 0);
}

/* A value from JSON; the buffer is the caller's. */
static inline struct slice value_of(struct buf *b, const char *json)
{
    char error[JSON_ERROR_MAX];

    buf_init(b, 0);
    if (json_to_mp(slice_of(json), b, error) != JSON_OK)
        check_fail(__FILE__, __LINE__, "%s: %s", json, error);
    return buf_slice(b);
}

/* The JSON text of a value; the caller frees it. */
static inline char *json_of(struct slice value)
{
    struct buf b;

    buf_init(&b, 0);
    CHECK_INT(json_from_mp(value, &b), JSON_OK);
    return buf_take(&b);
}

static inline struct service *make_service(struct fixture *f, struct client *c, const char *name,
                                           enum service_visibility v, const char *authorized)
{
    struct slice list[1] = {slice_of(authorized)};
    bool is_replaced;
    struct service_fields fields = {.name = slice_of(name),
                                    .app_id = SLICE_LIT("*"),
                                    .type = SLICE_LIT("generic"),
                                    .visibility = v,
                                    .authorized = list,
                                    .n_authorized = authorized && *authorized,
                                    .has_authorized = authorized,
                                    .info = SLICE_LIT("\x80")};

    return service_add(&f->hub.registry, c, &fields, &is_replaced);
}

/* A user with one grant (or none), joined to a workspace. */
static inline struct user *make_user(const char *workspace, enum permission p)
{
    struct user *u = user_new_http_anonymous();

    scope_deinit(&u->scope);
    if (p != PERMISSION_NONE)
        scope_grant(&u->scope, workspace, p);
    return u;
}
