#include "Addresses.h"

struct in6_addr relay_to_in6(uint64_t high, uint64_t low)
{
    struct in6_addr address;
    uint64_t halves[2] = {htobe64(high), htobe64(low)};
    memcpy(&address, halves, sizeof address);
    return address;
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
    address->sin6_addr = relay_to_in6(endpoint->high, endpoint->low);
    address->sin6_scope_id = endpoint->scope_id;
    return sizeof *address;
}

void relay_from_sockaddr(const struct sockaddr *address, relay_endpoint *endpoint)
{
    memset(endpoint, 0, sizeof *endpoint);
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;
        endpoint->family = 4;
        endpoint->low = ntohl(ipv4->sin_addr.s_addr);
        endpoint->port = ntohs(ipv4->sin_port);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)address;
        endpoint->family = 6;
        relay_halve_in6(&ipv6->sin6_addr, &endpoint->high, &endpoint->low);
        endpoint->port = ntohs(ipv6->sin6_port);
        endpoint->scope_id = ipv6->sin6_scope_id;
    }
}
