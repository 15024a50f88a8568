#include "Addresses.h"

#include <endian.h>
#include <string.h>

struct in6_addr relay_to_in6(const relay_endpoint *endpoint)
{
    struct in6_addr address;
    uint64_t halves[2] = {htobe64(endpoint->high), htobe64(endpoint->low)};
    memcpy(&address, halves, sizeof address);
    return address;
}

void relay_from_in6(const struct in6_addr *address, relay_endpoint *endpoint)
{
    uint64_t halves[2];
    memcpy(halves, address, sizeof halves);
    endpoint->high = be64toh(halves[0]);
    endpoint->low = be64toh(halves[1]);
    endpoint->family = 6;
}

void relay_from_in4(struct in_addr address, relay_endpoint *endpoint)
{
    endpoint->high = 0;
    endpoint->low = ntohl(address.s_addr);
    endpoint->family = 4;
}

socklen_t relay_to_sockaddr(const relay_endpoint *endpoint, struct sockaddr_storage *storage)
{
    if (endpoint->family == 4) {
        struct sockaddr_in *address = (struct sockaddr_in *)storage;
        memset(address, 0, sizeof *address);
        address->sin_family = AF_INET;
        address->sin_port = htons(endpoint->port);
        address->sin_addr.s_addr = htonl((uint32_t)endpoint->low);
        return sizeof *address;
    }
    struct sockaddr_in6 *address = (struct sockaddr_in6 *)storage;
    memset(address, 0, sizeof *address);
    address->sin6_family = AF_INET6;
    address->sin6_port = htons(endpoint->port);
    address->sin6_addr = relay_to_in6(endpoint);
    address->sin6_scope_id = endpoint->scope_id;
    return sizeof *address;
}

void relay_from_sockaddr(const struct sockaddr *address, relay_endpoint *endpoint)
{
    memset(endpoint, 0, sizeof *endpoint);
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;
        relay_from_in4(ipv4->sin_addr, endpoint);
        endpoint->port = ntohs(ipv4->sin_port);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)address;
        relay_from_in6(&ipv6->sin6_addr, endpoint);
        endpoint->port = ntohs(ipv6->sin6_port);
        endpoint->scope_id = ipv6->sin6_scope_id;
    }
}
