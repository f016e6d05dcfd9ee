/* registry: who is here and what they offer: workspaces, their clients, their services, and the
 * indexes over them. Records and indexes only: it decides nothing. Owned by the hub loop
 * (docs/decisions/0001); nothing here is touched by another thread. Records come, go and become
 * others by changes (change.h) in the order of a ledger: the functions here that do such a thing
 * make one, and when they return it has been applied. What is this instance's own beside them
 * (accounts, where a client came from) is set directly.
 *
 *   workspace 1--n client 1--n service   (each ends with the one it belongs to) */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"
#include "loop/work.h"
#include "registry/ledger.h"
#include "wire/address.h"

struct account;
struct rate_counter;
struct user;

enum service_visibility { SERVICE_PUBLIC, SERVICE_PROTECTED, SERVICE_UNLISTED };
enum { SERVICE_VISIBILITIES = SERVICE_UNLISTED + 1 };
/* as in a service's config */
const char *service_visibility_name(enum service_visibility v);

struct workspace {
    char *id; /* owned; key of the index */
    /* Another one each time a workspace is made, kept in its record: what is stored of one that was
     * deleted is by this known not to be of one that was made again under its id. 0: a system one,
     * or one of a release that knew of none. */
    uint64_t incarnation;
    int64_t made_at;          /* Unix seconds; 0 where incarnation is */
    uint64_t number;          /* of the change by which it came here */
    char *name, *description; /* owned; description may be NULL */
    char **owners;            /* owned */
    size_t n_owners;
    /* owned: the user that made it, who pays for it; NULL: nobody */
    char *creator;
    bool is_persistent, is_read_only;
    /* owned, encoded map, config_len bytes; NULL = empty map */
    char *config;
    size_t config_len;
    /* owned, encoded map of icon, covers, docs, service_types; NULL = defaults */
    char *extra;
    size_t extra_len;
    /* made for one anonymous connection: status has no errors key */
    bool is_anonymous;
    bool is_system;      /* public, ws-user-root, ws-anonymous: never unloaded */
    struct list clients; /* struct client.link */
    /* clients that have been removed and still have services to free, see going.c; and holders */
    size_t n_going;
    /* removed itself: nothing finds it, and it is freed after the last of those, and of its
     * clients */
    bool has_gone;
    size_t n_clients;     /* remote ones only: what keeps a workspace loaded */
    struct list services; /* struct service.of_workspace, by registration time */
    size_t n_services;
    /* holds a reference; charged with what its clients have under way */
    struct account *account;
    /* holds a reference: keeps this record; the account until another is named */
    struct account *keeper;
    size_t n_kept;       /* there, for this record */
    struct timer unload; /* running while empty and in its grace period */
    struct registry *registry;
};

/* What is remembered of how a client came in, to find it again by; the tokens it came by are its
 * user's lineage. */
struct client_origin {
    struct in6_addr address; /* of the client; all zero: not known */
};

struct client {
    struct list link;            /* in workspace->clients; registry->going once removed */
    struct workspace *workspace; /* borrowed: outlives its clients */
    char *full_id;               /* owned, "ws/id"; key of the index */
    struct slice id;             /* inside full_id */
    struct user *user;           /* holds a reference */
    struct handle handle;        /* of its peer on its loop */
    /* number of the change by which it came: grows with every connection of any client */
    uint64_t generation;
    bool is_virtual; /* hosted by this server */
    /* removed: its services are found by nothing and freed bit by bit */
    bool is_going;
    uint32_t place;              /* in registry->roster */
    struct list of_user;         /* the hub's: among the connections of one person */
    struct client_origin origin; /* where it came from; set by who adds a remote one */
    /* holds a reference; NULL but for ids that end in __rlb */
    struct rate_counter *meter;
    struct list services; /* struct service.of_client */
    size_t n_services;    /* without built-in */
    /* NULL until registered: a client without it is invisible */
    struct service *built_in;
    struct account *account; /* holds a reference: keeps it and its services */
    size_t n_kept;           /* for this record, the user and the services */
};

struct service {
    struct list of_client, of_workspace, of_name;
    struct client *client; /* borrowed */
    char *full_id;         /* owned, "ws/client:name"; key of the index */
    struct slice name;     /* inside full_id */
    char *app_id, *type;   /* owned; type may be NULL */
    enum service_visibility visibility;
    bool is_singleton, is_built_in;
    char **authorized; /* owned; authorized_workspaces */
    size_t n_authorized;
    bool has_authorized;
    /* owned: the stored map of the eight keys of 2.2, encoded */
    char *info;
    size_t info_len;
    uint64_t number; /* of the change by which it came: registration order */
    size_t n_kept;   /* by the client's account */
};

/* Told of records while they are in the indexes; of a service of a client that was removed, when it
 * leaves them, which may be turns later than it was found for the last time. Changes nothing there.
 * Any of them may be NULL. */
struct registry_watch {
    struct list link; /* in registry->watches */
    /* has come, or is about to go */
    void (*on_service)(struct registry_watch *w, const struct service *s);
    /* about to go: called in place of it */
    void (*on_service_going)(struct registry_watch *w, const struct service *s);
    void (*on_workspace_going)(struct registry_watch *w, const struct workspace *ws);
};

struct registry {
    struct loop *loop; /* the hub loop */
    /* borrowed: all that is changed here is committed there first */
    struct ledger *ledger;
    struct ledger_follower follower;
    struct map workspaces; /* id -> struct workspace, owned */
    struct map clients;    /* full id -> struct client, owned */
    /* owned: the clients again, n_roster of them, in no order */
    struct client **roster;
    size_t n_roster, roster_room;
    uint64_t newest;       /* generation of the client that came last */
    struct map services;   /* full id -> struct service, owned */
    struct map names;      /* "ws/name" -> struct service_name, owned */
    struct map creators;   /* user id -> struct creator, owned */
    struct account *payer; /* NULL: nobody pays */
    struct list watches;   /* struct registry_watch */
    struct list walks;     /* struct service_walk */
    struct list going;     /* struct client.link: removed, with services to free */
    struct work going_work;
};

/* Follows the ledger, which outlives it, from here on. */
void registry_init(struct registry *r, struct loop *hub, struct ledger *ledger);
/* while empty: who keeps the indexes; outlives them */
void registry_pay(struct registry *r, struct account *payer);
void registry_deinit(struct registry *r); /* with everything in it */

/* ---- workspaces */
struct workspace_birth {
    uint64_t incarnation;
    int64_t made_at;
};
struct workspace_fields { /* copied */
    const char *id, *name, *description;
    const char *const *owners;
    size_t n_owners;
    const char *creator; /* NULL: whoever is named first among the owners */
    bool is_persistent, is_read_only, is_anonymous, is_system;
    struct slice config, extra; /* encoded maps, or empty */
    /* of one that was made before, as its record has it; NULL: it is made now */
    const struct workspace_birth *birth;
};
struct workspace *workspace_find(const struct registry *r, struct slice id);
/* who has made it, by these; NULL: nobody. Borrowed */
const char *workspace_maker(const struct workspace_fields *fields);
struct workspace *workspace_add(struct registry *r, const struct workspace_fields *fields,
                                struct account *parent, size_t cap_bytes);
/* Who keeps its record from here on; takes its own reference. False: there is no room for it, and
 * nothing has changed. */
MUST_CHECK bool workspace_pay(struct workspace *w, struct account *keeper);
void workspace_pay_always(struct workspace *w, struct account *keeper);
/* How many of those that are loaded somebody has made: not the server's own, and not those of
 * anonymous connections. */
size_t registry_created(const struct registry *r, const char *user_id);
/* Replaces name, description, owners, config and extra; the flags, the creator and the id stay.
 * False: its keeper has no room for the larger record, and nothing has changed. */
MUST_CHECK bool workspace_change(struct workspace *w, const struct workspace_fields *fields);
/* to what the store has */
void workspace_change_always(struct workspace *w, const struct workspace_fields *fields);
/* Nothing finds it, its clients and their services from here on, and its id is free. Whoever is
 * there has still to be put out. */
void workspace_remove(struct registry *r, struct workspace *w);
/* Its record stays until it is let go, however many leave meanwhile: for who puts out those who are
 * in it over turns. */
void workspace_hold(struct workspace *w);
void workspace_let_go(struct workspace *w);
/* an encoded map; copied; as above */
MUST_CHECK bool workspace_set_config(struct workspace *w, struct slice config);
enum ownership { OWNS_NOT, OWNS_AS_PERSONAL, OWNS_BY_ID, OWNS_BY_EMAIL };
/* 4.4: primary identities only */
enum ownership workspace_ownership(const struct workspace *w, const struct user *u);
bool workspace_owned_by(const struct workspace *w, const struct user *u);
/* The 13 keys of 2.1. with_environs false leaves config.environs out (D-13). */
void workspace_add_mp(struct buf *b, const struct workspace *w, bool with_environs);
/* The same as it is stored: with its incarnation and who made it, too. */
void workspace_add_record(struct buf *b, const struct workspace *w);

/* ---- clients */
struct client *client_find(const struct registry *r, struct slice full_id);
/* Also one whose workspace has gone, and that has not been put out yet: for those who put clients
 * out, or take their ids. */
struct client *client_find_any(const struct registry *r, struct slice full_id);
/* The id must be free (client_find_any). Takes its own reference to user. */
struct client *client_add(struct registry *r, struct workspace *w, struct slice id,
                          const struct user *user, struct handle handle, bool is_virtual);
/* Its workspace's account keeps a client until somebody nearer is named. */
/* before it has services; takes its own reference */
void client_pay(struct client *c, struct account *account);
/* Removes the client and every service of it: nothing finds them from here on, and the id is free,
 * though it may take turns until what they take of the heap is. Returns its workspace; NULL: that
 * has gone. */
struct workspace *client_remove(struct registry *r, struct client *c);

/* All clients that are here when it starts and still are when it comes to them, while clients come
 * and go: for a walk that takes several turns. It holds nothing, and is ended by being forgotten.
 * Who is none of those who are asked for may be seen twice. */
struct client_walk {
    const struct registry *registry;
    size_t n_left;   /* places still to be seen, from the last to the first */
    uint64_t newest; /* who came later is passed over */
};
void client_walk_start(struct client_walk *w, const struct registry *r);
/* *ret is NULL for one who came later. False at the end */
bool client_walk_step(struct client_walk *w, struct client **ret);

/* ---- services */
struct service_fields {              /* copied */
    struct slice name, app_id, type; /* type.ptr NULL = null */
    enum service_visibility visibility;
    bool is_singleton;
    const struct slice *authorized;
    size_t n_authorized;
    bool has_authorized;
    struct slice info;
};
struct service *service_find(const struct registry *r, struct slice full_id);
/* Replaces one with the same full id (any app id, type or visibility): then *ret_replaced. NULL:
 * the account of its client has no room for it, and nothing has changed. */
MUST_CHECK struct service *service_add(struct registry *r, struct client *c,
                                       const struct service_fields *fields, bool *ret_replaced);
void service_remove(struct registry *r, struct service *s);
/* False: its client or its workspace has been removed. For those who keep a service until they are
 * told that it is going; what is found is here. */
static inline bool service_is_here(const struct service *s)
{
    return !s->client->is_going && !s->client->workspace->has_gone;
}
/* Whether a singleton holds this name in this workspace. */
bool service_has_singleton(const struct registry *r, struct slice workspace, struct slice name);
bool service_authorizes(const struct service *s, struct slice workspace);

/* ---- queries */
struct service_query {
    struct slice workspace;    /* exact; empty = all */
    struct slice client, name; /* globs (wire/address.h); empty = any */
    struct slice type, app_id; /* the same */
    /* none of them is a glob, but for "*" as the whole of client, type or app_id */
    bool is_literal;
};
/* What an id names: literally, or by its globs. The workspace must have been filled in. Borrows
 * from the id. */
struct service_query service_query_of_id(const struct service_id *id);
struct service_cursor {
    const struct registry *registry;
    struct service_query query;
    struct list *at, *head; /* list being walked */
    size_t map_cursor;      /* over workspaces, for a query of all */
    enum { SERVICE_WALK_WORKSPACE, SERVICE_WALK_NAME, SERVICE_WALK_ALL } walk;
};
/* Walks matches in registration order within a workspace. The registry must not change during a
 * walk. */
void service_query_start(struct service_cursor *c, const struct registry *r,
                         const struct service_query *q);
struct service *service_query_next(struct service_cursor *c); /* NULL at the end */
/* The same within one workspace, while services come and go: for a walk that takes several turns.
 * What the query borrows must live as long. */
struct service_walk {
    struct list link; /* in registry->walks until its end */
    struct service_cursor cursor;
};
void service_walk_start(struct service_walk *w, struct registry *r, const struct service_query *q);
/* Looks at one service: *ret is NULL when it is none that is asked for. False at the end. */
bool service_walk_step(struct service_walk *w, struct service **ret);
void service_walk_end(struct service_walk *w); /* harmless after the end */
