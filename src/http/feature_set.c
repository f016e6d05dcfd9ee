/* feature_set: finding one among those of this build, and asking all of them. */
#include "http/feature_set.h"

void *feature_made(const struct feature_set *set, const struct feature *feature)
{
    for (size_t i = 0; i < set->n_entries; i++) {
        if (set->entries[i].feature == feature)
            return set->entries[i].made;
    }
    return NULL;
}

bool feature_allow_call(const struct feature_set *set, struct http_request *req,
                        const struct feature_call *call, unsigned *ret_retry_after_s)
{
    for (size_t i = 0; i < set->n_entries; i++) {
        const struct feature *f = set->entries[i].feature;
        if (f->allow_call && !f->allow_call(set->entries[i].made, req, call, ret_retry_after_s))
            return false;
    }
    return true;
}
