#include "peer/sharer.h"

#include <stdio.h>
#include <string.h>

#include "auth/user.h"
#include "registry/registry.h"
#include "wire/ip.h"

struct slice sharer_of(const struct user *u, const struct client *c, char room[SHARER_MAX])
{
    char address[IP_TEXT_MAX] = "?";
    int n;

    if (u->is_anonymous) {
        struct in6_addr from = {0};
        if (c)
            from = c->origin.address;
        else if (u->origin)
            memcpy(from.s6_addr, u->origin, USER_ORIGIN_LEN);
        if (ip_is_known(&from))
            ip_network_print(&from, address);
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
