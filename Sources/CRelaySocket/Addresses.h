// Conversion between relay_endpoint and socket addresses; private to this target.
#ifndef RELAYCAST_ADDRESSES_H
#define RELAYCAST_ADDRESSES_H

#include "CRelaySocket.h"

#include <netinet/in.h>
#include <sys/socket.h>

socklen_t relay_to_sockaddr(const relay_endpoint *endpoint, struct sockaddr_storage *storage);
void relay_from_sockaddr(const struct sockaddr *address, relay_endpoint *endpoint);
struct in6_addr relay_to_in6(const relay_endpoint *endpoint);
void relay_from_in6(const struct in6_addr *address, relay_endpoint *endpoint);
void relay_from_in4(struct in_addr address, relay_endpoint *endpoint);

#endif
