#include "Sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// More than one router between sender and receiver, fewer than would ever leave a building.
#define TTL 4

int bench_parse_address(const char *text, uint32_t *address)
{
    struct in_addr parsed;
    if (inet_pton(AF_INET, text, &parsed) != 1)
        return -EINVAL;
    *address = ntohl(parsed.s_addr);
    return 0;
}

int bench_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

int64_t bench_clock(int clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bench_thread_cpu_nanoseconds(void)
{
    return bench_clock(CLOCK_THREAD_CPUTIME_ID);
}

struct sockaddr_in bench_endpoint(const bench_endpoints *endpoints, int index)
{
    int is_group = IN_MULTICAST(endpoints->address);
    struct sockaddr_in result = {.sin_family = AF_INET};
    result.sin_addr.s_addr = htonl(endpoints->address + (is_group ? (uint32_t)index : 0));
    result.sin_port = htons((uint16_t)(endpoints->port + (is_group ? 0 : index)));
    return result;
}

static int join(int fd, struct in_addr group, const bench_endpoints *endpoints)
{
    struct ip_mreq request = {.imr_multiaddr = group};
    request.imr_interface.s_addr = htonl(endpoints->interface_address);
    bench_set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0 ? 0 : -errno;
}

int bench_open_inbound(const bench_endpoints *endpoints, int index, int receive_buffer_bytes)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct sockaddr_in address = bench_endpoint(endpoints, index);
    int result = bench_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bench_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer_bytes) != 0)
        bench_set(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
    if (result == 0 && bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        result = -errno;
    if (result == 0 && IN_MULTICAST(endpoints->address))
        result = join(fd, address.sin_addr, endpoints);
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

int bench_open_outbound(const bench_endpoints *endpoints)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = 0;
    if (IN_MULTICAST(endpoints->address)) {
        struct in_addr interface = {htonl(endpoints->interface_address)};
        if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface) != 0)
            result = -errno;
        bench_set(fd, IPPROTO_IP, IP_MULTICAST_TTL, TTL);
        bench_set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
    }
    if (result == 0)
        return fd;
    close(fd);
    return result;
}
