#define _GNU_SOURCE
#include "Addresses.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <unistd.h>

#ifndef IP_MULTICAST_ALL
#define IP_MULTICAST_ALL 49
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

static int set_integer(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

int relay_socket_open(int family)
{
    int domain = family == 4 ? AF_INET : AF_INET6;
    int fd = socket(domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    if (fd < 0)
        return -errno;
    if (family == 6) {
        int result = set_integer(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        if (result < 0) {
            close(fd);
            return result;
        }
    }
    return fd;
}

void relay_close(int fd)
{
    close(fd);
}

int relay_bind(int fd, relay_endpoint endpoint)
{
    struct sockaddr_storage storage;
    socklen_t length = relay_to_sockaddr(&endpoint, &storage);
    return bind(fd, (struct sockaddr *)&storage, length) == 0 ? 0 : -errno;
}

int relay_local_endpoint(int fd, relay_endpoint *endpoint)
{
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) != 0)
        return -errno;
    relay_from_sockaddr((struct sockaddr *)&storage, endpoint);
    return 0;
}

int relay_share_port(int fd)
{
    return set_integer(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

int relay_isolate_groups(int fd, int family)
{
    return family == 4 ? set_integer(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)
                       : set_integer(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
}

int relay_request_metadata(int fd, int family)
{
    if (family == 4) {
        int result = set_integer(fd, IPPROTO_IP, IP_PKTINFO, 1);
        return result < 0 ? result : set_integer(fd, IPPROTO_IP, IP_RECVTTL, 1);
    }
    int result = set_integer(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    return result < 0 ? result : set_integer(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
}

int relay_request_dscp(int fd, int family, int enabled)
{
    return family == 4 ? set_integer(fd, IPPROTO_IP, IP_RECVTOS, enabled)
                       : set_integer(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, enabled);
}

int relay_set_dscp(int fd, int family, int dscp)
{
    return family == 4 ? set_integer(fd, IPPROTO_IP, IP_TOS, dscp << 2)
                       : set_integer(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2);
}

int relay_bind_to_interface(int fd, int interface_index)
{
    return setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &interface_index,
                      sizeof interface_index) < 0
               ? -errno
               : 0;
}

int relay_request_arrival_times(int fd)
{
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0 ? -errno : 0;
}

int relay_report_errors(int fd, int family)
{
    return family == 4 ? set_integer(fd, IPPROTO_IP, IP_RECVERR, 1)
                       : set_integer(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

int relay_allow_broadcast(int fd)
{
    return set_integer(fd, SOL_SOCKET, SO_BROADCAST, 1);
}

int relay_set_multicast_loopback(int fd, int family, int enabled)
{
    return family == 4 ? set_integer(fd, IPPROTO_IP, IP_MULTICAST_LOOP, enabled)
                       : set_integer(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, enabled);
}

int relay_set_multicast_interface(int fd, int family, int interface_index)
{
    if (family == 6)
        return set_integer(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, interface_index);
    struct ip_mreqn request = {.imr_ifindex = interface_index};
    int result = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request);
    return result == 0 ? 0 : -errno;
}

int relay_set_ttl(int fd, int family, int ttl)
{
    int level = family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
    int result = set_integer(fd, level, family == 4 ? IP_MULTICAST_TTL : IPV6_MULTICAST_HOPS, ttl);
    if (result < 0)
        return result;
    return set_integer(fd, level, family == 4 ? IP_TTL : IPV6_UNICAST_HOPS, ttl);
}

int relay_allow_foreign_sources(int fd, int family)
{
    return family == 4 ? set_integer(fd, IPPROTO_IP, IP_TRANSPARENT, 1)
                       : set_integer(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
}

int relay_connect(int fd, relay_endpoint endpoint)
{
    struct sockaddr_storage storage;
    socklen_t length = relay_to_sockaddr(&endpoint, &storage);
    return connect(fd, (struct sockaddr *)&storage, length) == 0 ? 0 : -errno;
}

int relay_set_send_buffer(int fd, int bytes)
{
    if (set_integer(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes) == 0)
        return 0;
    return set_integer(fd, SOL_SOCKET, SO_SNDBUF, bytes);
}

int relay_set_receive_buffer(int fd, int bytes)
{
    if (set_integer(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) == 0)
        return 0;
    return set_integer(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

int relay_receive_buffer(int fd)
{
    int value = 0;
    socklen_t length = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &length) != 0)
        return -errno;
    return value / 2;
}

int relay_join(int fd, relay_endpoint group, int interface_index)
{
    struct group_req request;
    memset(&request, 0, sizeof request);
    request.gr_interface = (uint32_t)interface_index;
    relay_to_sockaddr(&group, &request.gr_group);
    int level = group.family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
    int result = setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof request);
    return result == 0 ? 0 : -errno;
}

int relay_join_source(int fd, relay_endpoint group, relay_endpoint source, int interface_index)
{
    struct group_source_req request;
    memset(&request, 0, sizeof request);
    request.gsr_interface = (uint32_t)interface_index;
    relay_to_sockaddr(&group, &request.gsr_group);
    relay_to_sockaddr(&source, &request.gsr_source);
    int level = group.family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
    int result = setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &request, sizeof request);
    return result == 0 ? 0 : -errno;
}

int relay_set_sources(int fd, relay_endpoint group, const relay_endpoint *sources, int count,
                      int interface_index)
{
    _Alignas(struct group_filter) uint8_t memory[GROUP_FILTER_SIZE(RELAY_SOURCES_MAX)];
    struct group_filter *filter = (struct group_filter *)memory;
    if (count > RELAY_SOURCES_MAX)
        return -ENOBUFS;
    memset(memory, 0, sizeof memory);
    filter->gf_interface = (uint32_t)interface_index;
    relay_to_sockaddr(&group, &filter->gf_group);
    filter->gf_fmode = count > 0 ? MCAST_INCLUDE : MCAST_EXCLUDE;
    filter->gf_numsrc = (uint32_t)count;
    struct sockaddr_storage *list = (struct sockaddr_storage *)(memory + GROUP_FILTER_SIZE(0));
    for (int index = 0; index < count; index++)
        relay_to_sockaddr(&sources[index], &list[index]);
    int level = group.family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
    socklen_t length = (socklen_t)GROUP_FILTER_SIZE(count);
    return setsockopt(fd, level, MCAST_MSFILTER, memory, length) == 0 ? 0 : -errno;
}

int64_t relay_receive_drops(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof memory;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) != 0)
        return -errno;
    return memory[SK_MEMINFO_DROPS];
}

int relay_take_pending_error(int fd)
{
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}
