#define _GNU_SOURCE
#include "Addresses.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr attribute;
    uint8_t address[16];
} route_request;

static route_request make_route_request(const relay_endpoint *destination)
{
    route_request request;
    memset(&request, 0, sizeof request);
    size_t size = destination->family == 4 ? 4 : 16;
    struct sockaddr_storage storage;
    relay_to_sockaddr(destination, &storage);
    if (destination->family == 4)
        memcpy(request.address, &((struct sockaddr_in *)&storage)->sin_addr, size);
    else
        memcpy(request.address, &((struct sockaddr_in6 *)&storage)->sin6_addr, size);
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.route) + RTA_LENGTH(size);
    request.header.nlmsg_type = RTM_GETROUTE;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.route.rtm_family = destination->family == 4 ? AF_INET : AF_INET6;
    request.route.rtm_dst_len = (unsigned char)(size * 8);
    request.attribute.rta_type = RTA_DST;
    request.attribute.rta_len = RTA_LENGTH(size);
    return request;
}

static int read_outbound_interface(struct nlmsghdr *header)
{
    if (header->nlmsg_type == NLMSG_ERROR) {
        int error = ((struct nlmsgerr *)NLMSG_DATA(header))->error;
        return error < 0 ? error : -EPROTO;
    }
    struct rtmsg *route = NLMSG_DATA(header);
    if (route->rtm_type == RTN_UNREACHABLE || route->rtm_type == RTN_BLACKHOLE ||
        route->rtm_type == RTN_PROHIBIT)
        return -ENETUNREACH;
    int length = (int)RTM_PAYLOAD(header);
    for (struct rtattr *attribute = RTM_RTA(route); RTA_OK(attribute, length);
         attribute = RTA_NEXT(attribute, length)) {
        if (attribute->rta_type == RTA_OIF) {
            int index;
            memcpy(&index, RTA_DATA(attribute), sizeof index);
            return index;
        }
    }
    return -ENETUNREACH;
}

static int exchange_route(int fd, const route_request *request)
{
    // The kernel answers at once; the limit is for the answer that never comes.
    struct timeval limit = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (send(fd, request, request->header.nlmsg_len, 0) < 0)
        return -errno;
    _Alignas(16) uint8_t buffer[8192];
    ssize_t length;
    do
        length = recv(fd, buffer, sizeof buffer, 0);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return -errno;
    struct nlmsghdr *header = (struct nlmsghdr *)buffer;
    return NLMSG_OK(header, (size_t)length) ? read_outbound_interface(header) : -EPROTO;
}

int relay_route_interface(relay_endpoint destination)
{
    route_request request = make_route_request(&destination);
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    int result = exchange_route(fd, &request);
    close(fd);
    return result;
}

static int open_events(unsigned groups)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int relay_link_events_open(void)
{
    return open_events(RTMGRP_LINK);
}

int relay_path_events_open(void)
{
    return open_events(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                       RTMGRP_IPV6_ROUTE);
}

// The next event of a socket, or as much as fits; its length, or -errno.
static ssize_t receive_event(int fd, uint8_t *buffer, size_t size)
{
    ssize_t length;
    do
        length = recv(fd, buffer, size, MSG_DONTWAIT);
    while (length < 0 && errno == EINTR);
    return length < 0 ? -errno : length;
}

int relay_next_path_event(int fd)
{
    uint8_t byte;
    ssize_t length = receive_event(fd, &byte, sizeof byte);
    return length < 0 ? (int)length : 0;
}

int relay_next_deleted_link(int fd)
{
    _Alignas(16) uint8_t buffer[8192];
    ssize_t length = receive_event(fd, buffer, sizeof buffer);
    if (length < 0)
        return (int)length;
    struct nlmsghdr *header = (struct nlmsghdr *)buffer;
    if (!NLMSG_OK(header, (size_t)length) || header->nlmsg_type != RTM_DELLINK)
        return 0;
    // A bridge says the same of a port that only leaves it, in its own family.
    struct ifinfomsg *link = NLMSG_DATA(header);
    return link->ifi_family == AF_UNSPEC ? link->ifi_index : 0;
}

static int prefix_length(const struct sockaddr *mask)
{
    if (mask == NULL)
        return 0;
    relay_endpoint bits;
    relay_from_sockaddr(mask, &bits);
    return __builtin_popcountll(bits.high) + __builtin_popcountll(bits.low);
}

// Not if_nametoindex(3), which opens a socket of its own and says 0 when it cannot.
static int interface_index(int fd, const char *name)
{
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return ioctl(fd, SIOCGIFINDEX, &request) == 0 ? request.ifr_ifindex : 0;
}

static int interface_mtu(int fd, const char *name)
{
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return ioctl(fd, SIOCGIFMTU, &request) == 0 ? request.ifr_mtu : -1;
}

static void fill_entry(const struct ifaddrs *from, int fd, relay_interface_entry *entry)
{
    memset(entry, 0, sizeof *entry);
    strncpy(entry->name, from->ifa_name, sizeof entry->name - 1);
    entry->index = interface_index(fd, from->ifa_name);
    entry->flags = from->ifa_flags;
    entry->mtu = interface_mtu(fd, from->ifa_name);
    int family = from->ifa_addr == NULL ? AF_UNSPEC : from->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6)
        return;
    relay_from_sockaddr(from->ifa_addr, &entry->address);
    entry->prefix_length = prefix_length(from->ifa_netmask);
    if (family == AF_INET && (from->ifa_flags & IFF_BROADCAST) && from->ifa_broadaddr != NULL)
        relay_from_sockaddr(from->ifa_broadaddr, &entry->broadcast);
}

int relay_list_interfaces(relay_interface_entry *entries, int capacity)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct ifaddrs *list;
    if (getifaddrs(&list) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    int count = 0;
    for (const struct ifaddrs *from = list; from != NULL; from = from->ifa_next) {
        if (count < capacity)
            fill_entry(from, fd, &entries[count]);
        count++;
    }
    close(fd);
    freeifaddrs(list);
    return count;
}

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t relay_realtime_nanoseconds(void)
{
    return nanoseconds(CLOCK_REALTIME);
}

int64_t relay_monotonic_nanoseconds(void)
{
    return nanoseconds(CLOCK_MONOTONIC);
}

const char *relay_errno_name(int error)
{
    const char *name = strerrorname_np(error);
    return name == NULL ? "EUNKNOWN" : name;
}

int64_t relay_descriptor_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (int64_t)limit.rlim_cur : 1024;
}

void relay_name_thread(const char *name)
{
    pthread_setname_np(pthread_self(), name);
}

uint64_t relay_effective_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &header, data) != 0)
        return 0;
    return (uint64_t)data[1].effective << 32 | data[0].effective;
}
