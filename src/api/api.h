/* api: the HTTP endpoints of the hub itself: service calls, listings, workspace info, health,
 * metrics, the first page. A service call is made by a caller that lives for one request: it asks
 * the manager for the service and calls it, exactly as a remote client would. */
#pragma once

struct api; /* what api_feature makes */
