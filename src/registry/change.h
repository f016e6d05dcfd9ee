/* change: one step of the registry, as a value that names records by their ids: applied to two
 * registries that were the same, it leaves them the same. Made by the functions of registry.h that
 * change something, brought in order by the ledger. */
#pragma once
#include "registry/registry.h"

enum change_kind {
    CHANGE_WORKSPACE_COMES,
    CHANGE_WORKSPACE_BECOMES, /* other texts and config */
    CHANGE_WORKSPACE_GOES,
    CHANGE_CLIENT_COMES,
    CHANGE_CLIENT_GOES,   /* with its services */
    CHANGE_SERVICE_COMES, /* in place of one of that name, if there is one */
    CHANGE_SERVICE_GOES,
};

/* All of it is borrowed. */
struct change {
    enum change_kind kind;
    /* given by the ledger; the number of the record that comes */
    uint64_t number;
    struct slice workspace; /* id of the workspace it is in, or that it is about */
    /* full id of the client it is of, or that it is about; empty: of a workspace */
    struct slice client;
    /* full id of the service; empty: of a client, or a workspace */
    struct slice service;
    union {
        struct workspace_coming {
            const struct workspace_fields *fields;
            struct workspace_birth birth;
            struct account *parent; /* this instance's own: its bytes are charged there */
            size_t cap_bytes;
        } workspace_comes;
        const struct workspace_fields *workspace_becomes;
        struct client_coming {
            const struct user *user;
            struct handle handle;
            bool is_virtual;
        } client_comes;
        const struct service_fields *service_comes;
    };
};

/* The only place where records come, go or become others. What a change says has been decided: it
 * is done, with what room it takes. */
void registry_apply(struct registry *r, const struct change *c);
