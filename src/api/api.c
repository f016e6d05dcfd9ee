/* api: how far the server is. */
#include "api/api.h"

#include "api/room.h"

void api_set_readiness(struct api *a, enum api_readiness r)
{
    atomic_store_explicit(&a->readiness, (int)r, memory_order_release);
}
