#define _GNU_SOURCE
#include "Addresses.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// A route request has at most two attributes: the destination and the outbound interface.
typedef struct {
    struct nlmsghdr header;
    struct rtmsg route;
    uint8_t attributes[RTA_SPACE(16) + RTA_SPACE(sizeof(int32_t))];
} route_request;

static void append_attribute(route_request *request, int type, const void *data, size_t size)
{
    struct rtattr *attribute =
        (struct rtattr *)((uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len));
    attribute->rta_type = (unsigned short)type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), data, size);
    request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + (unsigned)RTA_SPACE(size);
}

static route_request make_route_request(const relay_endpoint *destination, int32_t interface_index)
{
    route_request request;
    memset(&request, 0, sizeof request);
    size_t size = destination->family == 4 ? 4 : 16;
    struct sockaddr_storage storage;
    relay_to_sockaddr(destination, &storage);
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.route);
    request.header.nlmsg_type = RTM_GETROUTE;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.route.rtm_family = destination->family == 4 ? AF_INET : AF_INET6;
    request.route.rtm_dst_len = (unsigned char)(size * 8);
    if (destination->family == 4)
        append_attribute(&request, RTA_DST, &((struct sockaddr_in *)&storage)->sin_addr, size);
    else
        append_attribute(&request, RTA_DST, &((struct sockaddr_in6 *)&storage)->sin6_addr, size);
    if (interface_index > 0)
        append_attribute(&request, RTA_OIF, &interface_index, sizeof interface_index);
    return request;
}

static void read_address(int family, const void *data, relay_endpoint *address)
{
    memset(address, 0, sizeof *address);
    if (family == AF_INET) {
        uint32_t bits;
        memcpy(&bits, data, sizeof bits);
        address->family = 4;
        address->low = ntohl(bits);
    } else if (family == AF_INET6) {
        struct in6_addr bits;
        memcpy(&bits, data, sizeof bits);
        address->family = 6;
        relay_halve_in6(&bits, &address->high, &address->low);
    }
}

static int read_route(struct nlmsghdr *header, relay_endpoint *source, int *is_local)
{
    if (header->nlmsg_type == NLMSG_ERROR) {
        int error = ((struct nlmsgerr *)NLMSG_DATA(header))->error;
        return error < 0 ? error : -EPROTO;
    }
    struct rtmsg *route = NLMSG_DATA(header);
    if (route->rtm_type == RTN_UNREACHABLE || route->rtm_type == RTN_BLACKHOLE ||
        route->rtm_type == RTN_PROHIBIT)
        return -ENETUNREACH;
    *is_local = route->rtm_type == RTN_LOCAL;
    int length = (int)RTM_PAYLOAD(header);
    int index = -ENETUNREACH;
    for (struct rtattr *attribute = RTM_RTA(route); RTA_OK(attribute, length);
         attribute = RTA_NEXT(attribute, length)) {
        if (attribute->rta_type == RTA_OIF)
            memcpy(&index, RTA_DATA(attribute), sizeof index);
        else if (attribute->rta_type == RTA_PREFSRC)
            read_address(route->rtm_family, RTA_DATA(attribute), source);
    }
    return index;
}

static int open_netlink(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    // The kernel answers at once; the limit is for the answer that never comes.
    struct timeval limit = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static ssize_t receive_answer(int fd, uint8_t *buffer, size_t size)
{
    ssize_t length;
    do
        length = recv(fd, buffer, size, 0);
    while (length < 0 && errno == EINTR);
    return length < 0 ? -errno : length;
}

static int exchange_route(int fd, const route_request *request, relay_endpoint *source,
                          int *is_local)
{
    if (send(fd, request, request->header.nlmsg_len, 0) < 0)
        return -errno;
    _Alignas(16) uint8_t buffer[8192];
    ssize_t length = receive_answer(fd, buffer, sizeof buffer);
    if (length < 0)
        return (int)length;
    struct nlmsghdr *header = (struct nlmsghdr *)buffer;
    return NLMSG_OK(header, (size_t)length) ? read_route(header, source, is_local) : -EPROTO;
}

int relay_route(relay_endpoint destination, int32_t interface_index, relay_endpoint *source,
                int *is_local)
{
    *is_local = 0;
    memset(source, 0, sizeof *source);
    route_request request = make_route_request(&destination, interface_index);
    int fd = open_netlink();
    if (fd < 0)
        return fd;
    int result = exchange_route(fd, &request, source, is_local);
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

// What a dump of links and addresses is read into.
typedef struct {
    relay_interface_entry *entries;
    int capacity;
    int count;
} interface_list;

static relay_interface_entry *next_entry(interface_list *list)
{
    int index = list->count++;
    if (index >= list->capacity)
        return NULL;
    memset(&list->entries[index], 0, sizeof list->entries[index]);
    return &list->entries[index];
}

// Whether IPv6 is on: the device has it at all, and disable_ipv6 is 0.
static int has_ipv6(struct rtattr *families)
{
    int length = (int)RTA_PAYLOAD(families);
    for (struct rtattr *family = RTA_DATA(families); RTA_OK(family, length);
         family = RTA_NEXT(family, length)) {
        if ((family->rta_type & NLA_TYPE_MASK) != AF_INET6)
            continue;
        int rest = (int)RTA_PAYLOAD(family);
        for (struct rtattr *part = RTA_DATA(family); RTA_OK(part, rest);
             part = RTA_NEXT(part, rest)) {
            if ((part->rta_type & NLA_TYPE_MASK) != IFLA_INET6_CONF ||
                RTA_PAYLOAD(part) < (DEVCONF_DISABLE_IPV6 + 1) * sizeof(int32_t))
                continue;
            int32_t is_disabled;
            memcpy(&is_disabled,
                   (uint8_t *)RTA_DATA(part) + DEVCONF_DISABLE_IPV6 * sizeof is_disabled,
                   sizeof is_disabled);
            return is_disabled == 0;
        }
    }
    return 0;
}

static void read_link(struct nlmsghdr *header, interface_list *list)
{
    struct ifinfomsg *link = NLMSG_DATA(header);
    relay_interface_entry *entry = next_entry(list);
    if (entry == NULL)
        return;
    entry->index = link->ifi_index;
    entry->flags = link->ifi_flags;
    entry->mtu = -1;
    int length = (int)IFLA_PAYLOAD(header);
    for (struct rtattr *attribute = IFLA_RTA(link); RTA_OK(attribute, length);
         attribute = RTA_NEXT(attribute, length)) {
        switch (attribute->rta_type & NLA_TYPE_MASK) {
        case IFLA_IFNAME:
            strncpy(entry->name, RTA_DATA(attribute), sizeof entry->name - 1);
            break;
        case IFLA_MTU: memcpy(&entry->mtu, RTA_DATA(attribute), sizeof entry->mtu); break;
        case IFLA_AF_SPEC: entry->has_ipv6 = has_ipv6(attribute); break;
        }
    }
}

static const relay_interface_entry *find_link(const interface_list *list, int32_t index)
{
    int count = list->count < list->capacity ? list->count : list->capacity;
    for (int place = 0; place < count; place++)
        if (list->entries[place].index == index && list->entries[place].address.family == 0)
            return &list->entries[place];
    return NULL;
}

// IFA_LOCAL is this host's end where a link has two; IFA_ADDRESS is then the other's.
static void read_interface_address(struct nlmsghdr *header, interface_list *list)
{
    struct ifaddrmsg *message = NLMSG_DATA(header);
    const relay_interface_entry *link = find_link(list, (int32_t)message->ifa_index);
    relay_interface_entry *entry = next_entry(list);
    // A link that came after the links were listed is in the next list.
    if (entry == NULL || link == NULL)
        return;
    *entry = *link;
    entry->prefix_length = message->ifa_prefixlen;
    entry->address_flags = message->ifa_flags;
    int length = (int)IFA_PAYLOAD(header);
    for (struct rtattr *attribute = IFA_RTA(message); RTA_OK(attribute, length);
         attribute = RTA_NEXT(attribute, length)) {
        switch (attribute->rta_type) {
        case IFA_LOCAL:
            read_address(message->ifa_family, RTA_DATA(attribute), &entry->address);
            break;
        case IFA_ADDRESS:
            read_address(message->ifa_family, RTA_DATA(attribute), &entry->peer);
            break;
        case IFA_BROADCAST:
            if (message->ifa_family == AF_INET && (link->flags & IFF_BROADCAST))
                read_address(AF_INET, RTA_DATA(attribute), &entry->broadcast);
            break;
        case IFA_FLAGS:
            memcpy(&entry->address_flags, RTA_DATA(attribute), sizeof entry->address_flags);
            break;
        }
    }
    int is_own = entry->address.family == 0 || (entry->address.high == entry->peer.high &&
                                                entry->address.low == entry->peer.low);
    if (!is_own)
        return;
    entry->address = entry->peer;
    memset(&entry->peer, 0, sizeof entry->peer);
}

// Asks for a dump and reads its messages (netlink(7)). -EAGAIN: the list changed meanwhile.
static int dump(int fd, uint16_t type, void (*read)(struct nlmsghdr *, interface_list *),
                interface_list *list)
{
    struct {
        struct nlmsghdr header;
        struct rtgenmsg message;
    } request = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof request.message),
                            .nlmsg_type = type,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
        return -errno;
    int has_changed = 0;
    for (;;) {
        _Alignas(16) uint8_t buffer[32768];
        ssize_t received = receive_answer(fd, buffer, sizeof buffer);
        if (received <= 0)
            return received < 0 ? (int)received : -EPROTO;
        unsigned rest = (unsigned)received;
        for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, rest);
             header = NLMSG_NEXT(header, rest)) {
            if (header->nlmsg_type == NLMSG_DONE)
                return has_changed ? -EAGAIN : 0;
            if (header->nlmsg_type == NLMSG_ERROR)
                return ((struct nlmsgerr *)NLMSG_DATA(header))->error;
            if (header->nlmsg_flags & NLM_F_DUMP_INTR)
                has_changed = 1;
            read(header, list);
        }
    }
}

// Tries after which a list that changes all the time is taken as it is.
#define LIST_TRIES 4

int relay_list_interfaces(relay_interface_entry *entries, int capacity)
{
    int fd = open_netlink();
    if (fd < 0)
        return fd;
    interface_list list = {.entries = entries, .capacity = capacity};
    int result = -EAGAIN;
    for (int tries = 0; result == -EAGAIN && tries < LIST_TRIES; tries++) {
        list.count = 0;
        result = dump(fd, RTM_GETLINK, read_link, &list);
        if (result < 0 && result != -EAGAIN)
            break;
        int of_addresses = dump(fd, RTM_GETADDR, read_interface_address, &list);
        if (of_addresses < 0)
            result = of_addresses;
    }
    close(fd);
    return result < 0 && result != -EAGAIN ? result : list.count;
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
