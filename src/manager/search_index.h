/* search_index: which services are in the full-text index. It follows the registry by its watch;
 * everybody has a share of it (by sharer.h), and when it is full whoever has most of it gives way
 * with what was registered first, which is then listed but no longer found by its texts. What is
 * in it is kept by the account of the client that offers it. Hub loop. */
#pragma once
#include <stdint.h>

#include "base/holders.h"
#include "registry/registry.h"

struct hub;
struct text_index;

struct search_index {
    struct hub *hub;
    struct text_index *texts; /* NULL: there is none here */
    struct registry_watch watch;
    struct map by_number;   /* service->number -> struct indexed, owned */
    struct holders holders; /* bytes */
};

void search_index_init(struct search_index *x,
                       struct hub *h);            /* before the first service is registered */
void search_index_deinit(struct search_index *x); /* answers the questions */
const struct service *search_index_find(const struct search_index *x,
                                        int64_t number); /* NULL: it has gone */
