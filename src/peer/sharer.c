#include "peer/sharer.h"

#include <stdio.h>

#include "auth/user.h"
#include "registry/registry.h"
#include "wire/ip.h"

struct slice sharer_of(const struct user *u, const struct client *c, char room[SHARER_MAX])
{
    char address[IP_TEXT_MAX] = "?";
    int n;

    if (u->is_anonymous) {
        if (c)
            ip_network_print(&c->origin.address, address);
        n = snprintf(room, SHARER_MAX, "ip:%s", address);
    } else {
        n = snprintf(room, SHARER_MAX, "user:%s", user_effective_id(u));
    }
    return slice_make(room, (size_t)n); /* ids are short enough */
}

bool sharer_is_anonymous(struct slice sharer)
{
    return slice_starts(sharer, "ip:");
}
