/* peer_kit: a hub with its registry, router and records, on loops the test drives. */
#pragma once
#include "auth/blocks.h"
#include "auth/revocation.h"
#include "auth/scope.h"
#include "auth/user_make.h"
#include "base/account.h"
#include "peer/hub.h"
#include "peer/connect_request.h"
#include "peer/workspace_lifecycle.h"
#include "router/router.h"
#include "store/engines.h"
#include "unit/net/turns.h"

struct kit {
    struct turns t;
    struct hub hub;
    struct store *store;
    bool is_closed;
};

/* The hub lives on the last loop. */
static inline void kit_init(struct kit *k, unsigned n_loops)
{
    static const struct server_info info = {
        "srv", "manager-srv", "http://public", "http://local", "", "", "", ""};
    static const struct token_keys keys = {SLICE_LIT("a secret of thirty-two characters"),
                                           "https://i/",
                                           "https://a/",
                                           "https://n/",
                                           {NULL, 0}};

    memset(k, 0, sizeof(*k));
    turns_init(&k->t, n_loops);
    struct loop *loop = &k->t.set.loops[n_loops - 1];
    hub_init(&k->hub, loop, router_new(&k->t.set, NULL), &info, &keys,
             account_new(NULL, ACCOUNT_PROCESS, 0));
    k->store = store_open_memory(loop);
    k->hub.revocations = revocations_new(loop, k->store);
    k->hub.blocks = blocks_new(loop, k->store);
    workspaces_make_system(&k->hub);
    k->hub.is_open = true;
}

static void kit_on_closed(int outcome, void *arg)
{
    (void)outcome;
    ((struct kit *)arg)->is_closed = true;
}

static inline void kit_deinit(struct kit *k)
{
    revocations_stop(k->hub.revocations);
    blocks_stop(k->hub.blocks);
    store_close(k->store, kit_on_closed, k);
    TURNS_UNTIL(&k->t, k->is_closed);
    revocations_free(k->hub.revocations);
    blocks_free(k->hub.blocks);
    struct router *router = k->hub.router;
    hub_deinit(&k->hub);
    account_unref(k->hub.process);
    turns_deinit(&k->t);
    router_free(router);
}

/* A primary user with what a token's scope claim says. */
static inline struct user *kit_user(const char *id, const char *scope)
{
    struct user *u = user_new(slice_of(id));

    CHECK_INT(scope_parse(slice_of(scope), &u->scope), SCOPE_OK);
    if (u->scope.current_workspace)
        u->current_workspace =
            mem_copy(u->scope.current_workspace, strlen(u->scope.current_workspace));
    return u;
}

static inline struct workspace *kit_workspace(struct kit *k, const char *id, const char *owner)
{
    const char *const owners[] = {owner};

    return workspace_add(&k->hub.registry,
                         &(struct workspace_fields){
                             .id = id, .owners = owners, .n_owners = 1, .is_persistent = true},
                         k->hub.process, 0);
}
