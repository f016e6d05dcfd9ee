/* transport_tcp: the transport of a stream that nothing is done to: bytes as they are, between
 * owner and kernel. */
#pragma once
#include "net/transport.h"

extern const struct transport transport_tcp;
