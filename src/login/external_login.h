/* external_login: whether a client of the workspace `public` offers a login service of its own,
 * before which ours steps aside, and whether that client lives. Somebody who may write there is
 * trusted by root; that it is registered proves nothing about it: one that does not answer a ping
 * is put out, and ours is back. Hub loop. */
#pragma once
#include <stdbool.h>

#include "base/list.h"
#include "loop/loop.h"
#include "registry/registry.h"

struct hub;
struct manager;
struct other_ping;

struct other_login {
    struct hub *hub;
    struct manager *manager; /* whose host of `public` asks */
    bool is_there;
    void (*on_change)(void *arg); /* is_there has changed */
    void *arg;
    struct registry_watch watch;
    struct deferred look;
    struct timer tick; /* running while somebody is there */
    struct list pings; /* struct other_ping: answers that are due */
};

/* Nobody is there yet. h, m and arg are borrowed until other_login_close(). */
void other_login_open(struct other_login *o, struct hub *h, struct manager *m,
                      void (*on_change)(void *arg), void *arg);
/* Harmless when not open. Before the manager is freed. */
void other_login_close(struct other_login *o);
