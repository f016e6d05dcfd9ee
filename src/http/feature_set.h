/* feature_set: the features of this build and what has become of them. server/ fills it and walks
 * it; a feature finds another, of a lower room, by it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "http/feature.h"

struct manager_registration;

struct feature_entry {
    const struct feature *feature;
    void *made, *opened;
    struct manager_registration *registration; /* hub loop */
    bool is_open;                              /* hub loop */
};

/* Const after start but for what is marked above. */
struct feature_set {
    struct feature_entry *entries; /* lower rooms first */
    size_t n_entries;
};

void *feature_made(const struct feature_set *set,
                   const struct feature *feature); /* NULL: not made */
/* Asks allow_call of all. Loop of the request. */
bool feature_allow_call(const struct feature_set *set, struct http_request *req,
                        const struct feature_call *call, unsigned *ret_retry_after_s);
