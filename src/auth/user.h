/* user: who somebody is and what they may do. Immutable once made and counted: a change is a new
 * version. Any thread. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/lineage.h"
#include "auth/permission.h"
#include "auth/scope.h"
#include "base/slice.h"

enum { USER_ORIGIN_LEN = 16 };

struct user {
    atomic_uint n_refs;
    bool is_anonymous;
    char *id;     /* owned, never NULL */
    char **roles; /* owned */
    uint32_t n_roles;
    /* Unix seconds: when the token was made by which it came, or, of a reconnection, the one that
     * continues; 0 = not known. Shown to nobody */
    uint32_t issued_at;
    char *email, *parent;    /* owned, or NULL */
    char *current_workspace; /* owned, or NULL: the token's wid */
    int64_t expires_at;      /* Unix seconds; 0 = never */
    struct scope scope;
    struct lineage lineage; /* shown to nobody */
    /* owned, USER_ORIGIN_LEN bytes: the address (IPv6) an HTTP request came from; else NULL. Shown
     * to nobody */
    char *origin;
};

struct user *user_ref(const struct user *u);
struct user *user_unref(const struct user *u); /* takes NULL; returns NULL */
/* id root, role admin, *:admin */
struct user *user_new_root(const char *current_workspace);
/* a fresh anonymouz-* with admin on its own workspace */
struct user *user_new_anonymous(const char *client_id);
/* anonymouz-http, read on ws-anonymous */
struct user *user_new_http_anonymous(void);
bool user_has_role(const struct user *u, const char *role);
/* The id quotas, blocks and ownership count for: parent, else id. */
/* what it and all it owns take of the heap */
size_t user_taken(const struct user *u);
const char *user_effective_id(const struct user *u);
/* "ws-user-<id>" into out. Always fits: no user has a longer id than 255 bytes. */
enum { USER_WORKSPACE_MAX = 320 };
void user_personal_workspace(const struct user *u, char out[USER_WORKSPACE_MAX]);
/* The stronger of "*" and the specific grant, the specific one of two equal ones; NULL: none.
 * Borrowed. */
const struct grant *user_grant(const struct user *u, struct slice workspace);
/* What that grant holds. */
enum permission user_permission(const struct user *u, struct slice workspace);
/* An extra scope with ':' makes a token good for nothing general. */
bool user_is_specialized(const struct user *u);
/* A new version that has joined a workspace: grant added if none, *:admin for role admin,
 * current_workspace and client_id set. */
struct user *user_join(const struct user *u, const char *workspace, enum permission granted,
                       const char *client_id);
