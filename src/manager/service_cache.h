/* service_cache: what get_service answered for a registration, kept for the callers of HTTP
 * requests, so that their calls cost one round trip to the provider. An entry belongs to one
 * registration: a new one has another number and never sees it. Hub loop. */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"

struct rpc_call;
struct service;

enum {
    SERVICE_CACHE_ENTRIES = 4096,
    SERVICE_CACHE_BYTES = 64 * 1024 * 1024,
    SERVICE_CACHE_VALUE_BYTES = 256 * 1024
};

struct service_cache {
    struct map entries; /* full id -> struct entry, owned */
    struct list by_age; /* the oldest first */
    size_t n_bytes;
};
void service_cache_init(struct service_cache *c);
void service_cache_deinit(struct service_cache *c);
/* The object of this registration; borrowed for this turn. len 0: not kept. */
struct slice service_cache_find(struct service_cache *c, const struct service *s);
/* Keeps a copy. Not kept: what is too large, and what refers to functions that are not part of a
 * service (those live no longer than their answer). The oldest make room. */
void service_cache_put(struct service_cache *c, const struct service *s, struct slice object);
/* Whether the caller is one HTTP request and not a connected client: those fetch anew each time,
 * as a provider may change its object without registering again. */
struct hub;
bool service_cache_serves(const struct hub *h, const struct rpc_call *call);
