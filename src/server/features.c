/* features: opened in the order of their rooms, closed in the reverse one. */
#include "server/features.h"

#include "server/wiring.h"

void features_open(struct server *s)
{
    (void)s;
}

void features_close(struct server *s)
{
    (void)s;
}
