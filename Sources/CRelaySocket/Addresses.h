// Conversion between relay_endpoint and socket addresses; private to this target.
#ifndef RELAYCAST_ADDRESSES_H
#define RELAYCAST_ADDRESSES_H

#include "CRelaySocket.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

socklen_t relay_to_sockaddr(const relay_endpoint *endpoint, struct sockaddr_storage *storage);
void relay_from_sockaddr(const struct sockaddr *address, relay_endpoint *endpoint);
struct in6_addr relay_to_in6(uint64_t high, uint64_t low);

// The two halves of an IPv6 address in host order.
static inline void relay_halve_in6(const struct in6_addr *address, uint64_t *high, uint64_t *low)
{
    uint64_t halves[2];
    memcpy(halves, address, sizeof halves);
    *high = be64toh(halves[0]);
    *low = be64toh(halves[1]);
}

#endif
