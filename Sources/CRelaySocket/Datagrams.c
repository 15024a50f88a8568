#define _GNU_SOURCE
#include "Addresses.h"
#include "ControlMessages.h"
#include "ReceiveBatch.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>
#include <sys/mman.h>

size_t relay_batch_bytes(void)
{
    return sizeof(receive_batch);
}

static void reset_header(receive_batch *batch, int index)
{
    struct msghdr *header = &batch->messages[index].msg_hdr;
    header->msg_namelen = sizeof batch->names[index];
    header->msg_controllen = RECEIVE_CONTROL_BYTES;
    header->msg_flags = 0;
}

// Slots are far apart: in pages of 4 KiB each datagram needs one or two of its own, and the processor
// remembers too few of them.
void relay_prefer_huge_pages(void *memory, size_t bytes)
{
    // Refused where the kernel has none; then pages are small.
    madvise(memory, bytes, MADV_HUGEPAGE);
}

void relay_batch_initialize(void *memory, uint8_t *slots)
{
    receive_batch *batch = memory;
    memset(batch, 0, sizeof *batch);
    for (int index = 0; index < RELAY_BATCH_DATAGRAMS; index++) {
        batch->vectors[index].iov_base = slots + (size_t)index * RELAY_SLOT_BYTES;
        batch->vectors[index].iov_len = RELAY_SLOT_BYTES;
        struct msghdr *header = &batch->messages[index].msg_hdr;
        header->msg_iov = &batch->vectors[index];
        header->msg_iovlen = 1;
        header->msg_name = &batch->names[index];
        header->msg_control = batch->controls[index];
        reset_header(batch, index);
    }
}

static void describe_in4_destination(const struct in_pktinfo *info, relay_received *received)
{
    uint32_t destination = ntohl(info->ipi_addr.s_addr), local = ntohl(info->ipi_spec_dst.s_addr);
    received->destination_low = destination;
    received->local_low = local;
    received->interface_index = info->ipi_ifindex;
    // Of a unicast datagram the kernel gives the destination as the local address too (ip(7)).
    if (IN_MULTICAST(destination))
        received->destination_class = RELAY_MULTICAST;
    else
        received->destination_class = destination == local ? RELAY_UNICAST : RELAY_BROADCAST;
}

static void describe_in6_destination(const struct in6_pktinfo *info, relay_received *received)
{
    relay_halve_in6(&info->ipi6_addr, &received->destination_high, &received->destination_low);
    received->interface_index = (int32_t)info->ipi6_ifindex;
    if (IN6_IS_ADDR_MULTICAST(&info->ipi6_addr)) {
        received->destination_class = RELAY_MULTICAST;
        return;
    }
    received->destination_class = RELAY_UNICAST;
    received->local_high = received->destination_high;
    received->local_low = received->destination_low;
}

// IP_TOS is one byte, IPV6_TCLASS an int; the lower two bits are ECN (RFC 3168).
static void read_traffic_class(const struct cmsghdr *control, relay_received *received)
{
    int traffic_class = 0;
    if (control->cmsg_level == IPPROTO_IP)
        traffic_class = *CMSG_DATA(control);
    else
        memcpy(&traffic_class, CMSG_DATA(control), sizeof traffic_class);
    received->flags &= (1 << RELAY_DSCP_SHIFT) - 1;
    received->flags |= (uint8_t)(RELAY_HAS_DSCP | (traffic_class >> 2 << RELAY_DSCP_SHIFT));
}

// Microseconds that wrap after 71 minutes, and are never 0.
static uint32_t wrapped_microseconds(const struct timespec *time)
{
    uint32_t microseconds =
        (uint32_t)((uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_nsec / 1000);
    return microseconds != 0 ? microseconds : 1;
}

uint32_t relay_now_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return wrapped_microseconds(&now);
}

uint64_t relay_repeats(const void *memory)
{
    return ((const receive_batch *)memory)->repeats;
}

uint32_t relay_arrival(const void *memory, int index)
{
    return ((const receive_batch *)memory)->arrivals[index];
}

uint32_t relay_next_arrival(int fd)
{
    uint8_t byte;
    _Alignas(struct cmsghdr) uint8_t controls[RECEIVE_CONTROL_BYTES];
    struct iovec vector = {&byte, sizeof byte};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = controls,
                            .msg_controllen = sizeof controls};
    if (recvmsg(fd, &header, MSG_PEEK | MSG_DONTWAIT) < 0)
        return 0;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(&header); control != NULL;
         control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        struct timespec time;
        memcpy(&time, CMSG_DATA(control), sizeof time);
        return wrapped_microseconds(&time);
    }
    return 0;
}

static void read_control_message(struct cmsghdr *control, relay_received *received,
                                 uint32_t *arrival)
{
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(control), sizeof info);
        describe_in4_destination(&info, received);
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(control), sizeof info);
        describe_in6_destination(&info, received);
    } else if ((control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TTL) ||
               (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_HOPLIMIT)) {
        int ttl;
        memcpy(&ttl, CMSG_DATA(control), sizeof ttl);
        received->flags |= RELAY_HAS_TTL;
        received->ttl = (uint8_t)ttl;
    } else if ((control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS) ||
               (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_TCLASS)) {
        read_traffic_class(control, received);
    } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
        struct timespec time;
        memcpy(&time, CMSG_DATA(control), sizeof time);
        *arrival = wrapped_microseconds(&time);
    }
}

static void describe_source(const struct sockaddr_in6 *name, relay_received *received)
{
    if (name->sin6_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)name;
        received->family = 4;
        received->source_low = ntohl(ipv4->sin_addr.s_addr);
        received->source_port = ntohs(ipv4->sin_port);
    } else {
        received->family = 6;
        relay_halve_in6(&name->sin6_addr, &received->source_high, &received->source_low);
        received->source_port = ntohs(name->sin6_port);
        received->source_scope_id = name->sin6_scope_id;
    }
}

// Whether two blocks of whole 32-bit words are equal. A call would cost more than the few bytes.
static int has_same_bytes(const void *left, const void *right, size_t bytes)
{
    const uint8_t *one = left, *other = right;
    for (; bytes >= 16; bytes -= 16, one += 16, other += 16)
        if (memcmp(one, other, 16) != 0)
            return 0;
    for (; bytes > 0; bytes -= 4, one += 4, other += 4) {
        uint32_t words[2];
        memcpy(&words[0], one, sizeof words[0]);
        memcpy(&words[1], other, sizeof words[1]);
        if (words[0] != words[1])
            return 0;
    }
    return 1;
}

// Whether the kernel says of a datagram what it says of the one before it, but for the length.
static int is_told_alike(const receive_batch *batch, int index)
{
    const struct msghdr *header = &batch->messages[index].msg_hdr;
    const struct msghdr *last = &batch->messages[index - 1].msg_hdr;
    return header->msg_namelen == last->msg_namelen &&
           header->msg_controllen == last->msg_controllen &&
           (header->msg_namelen | header->msg_controllen) % 4 == 0 &&
           has_same_bytes(&batch->names[index], &batch->names[index - 1], header->msg_namelen) &&
           has_same_bytes(batch->controls[index], batch->controls[index - 1],
                          header->msg_controllen);
}

static void describe_told(receive_batch *batch, int index, relay_received *received)
{
    struct msghdr *header = &batch->messages[index].msg_hdr;
    memset(received, 0, sizeof *received);
    batch->arrivals[index] = 0;
    describe_source(&batch->names[index], received);
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL;
         control = CMSG_NXTHDR(header, control))
        read_control_message(control, received, &batch->arrivals[index]);
}

static void describe(receive_batch *batch, int index, relay_received *received)
{
    uint64_t repeats = 0;
    // Comparing costs a third of reading, and mostly one sender sends many.
    if (index > 0 && is_told_alike(batch, index)) {
        *received = received[-1];
        batch->arrivals[index] = batch->arrivals[index - 1];
        repeats = 1;
    } else {
        describe_told(batch, index, received);
        repeats = index > 0 && relay_has_same_origin(received, received - 1);
    }
    unsigned length = batch->messages[index].msg_len;
    received->length = length < UINT16_MAX ? (uint16_t)length : RELAY_TRUNCATED_LENGTH;
    batch->repeats |= repeats << index;
}

int relay_receive(int fd, void *memory, relay_received *received, int limit)
{
    receive_batch *batch = memory;
    for (int index = 0; index < batch->used; index++)
        reset_header(batch, index);
    batch->used = 0;
    int count;
    do
        count = recvmmsg(fd, batch->messages, (unsigned)limit, MSG_DONTWAIT, NULL);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    batch->used = count;
    batch->repeats = 0;
    for (int index = 0; index < count; index++)
        describe(batch, index, &received[index]);
    return count;
}

// What one datagram may ask for: a TTL or hop limit, a DSCP, IP_PKTINFO or IPV6_PKTINFO.
#define SEND_CONTROL_BYTES (2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo)))

// The interface and the source address, where they are asked for.
static void append_packet_info(struct msghdr *header, const relay_outgoing *outgoing)
{
    if (outgoing->interface_index == 0 && outgoing->local_address.family == 0)
        return;
    if (outgoing->destination.family == 4) {
        struct in_pktinfo info = {.ipi_ifindex = outgoing->interface_index};
        info.ipi_spec_dst.s_addr = htonl((uint32_t)outgoing->local_address.low);
        relay_append_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
        return;
    }
    struct in6_pktinfo info = {.ipi6_ifindex = (uint32_t)outgoing->interface_index};
    info.ipi6_addr = relay_to_in6(outgoing->local_address.high, outgoing->local_address.low);
    relay_append_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

int relay_send(int fd, const relay_outgoing *outgoing, int count)
{
    struct mmsghdr messages[RELAY_BATCH_DATAGRAMS];
    struct iovec vectors[RELAY_BATCH_DATAGRAMS];
    struct sockaddr_storage names[RELAY_BATCH_DATAGRAMS];
    _Alignas(16) uint8_t controls[RELAY_BATCH_DATAGRAMS][SEND_CONTROL_BYTES];
    if (count > RELAY_BATCH_DATAGRAMS)
        count = RELAY_BATCH_DATAGRAMS;
    for (int index = 0; index < count; index++) {
        vectors[index].iov_base = (void *)outgoing[index].bytes;
        vectors[index].iov_len = outgoing[index].length;
        struct msghdr *header = &messages[index].msg_hdr;
        memset(header, 0, sizeof *header);
        header->msg_name = &names[index];
        header->msg_namelen = relay_to_sockaddr(&outgoing[index].destination, &names[index]);
        header->msg_iov = &vectors[index];
        header->msg_iovlen = 1;
        header->msg_control = controls[index];
        if (outgoing[index].ttl > 0)
            relay_append_ttl(header, outgoing[index].destination.family, outgoing[index].ttl);
        if (outgoing[index].dscp >= 0)
            relay_append_dscp(header, outgoing[index].destination.family, outgoing[index].dscp);
        append_packet_info(header, &outgoing[index]);
    }
    int sent;
    do
        sent = sendmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int relay_next_queued_error(int fd, int *is_local, relay_endpoint *destination)
{
    *is_local = 0;
    memset(destination, 0, sizeof *destination);
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    uint8_t byte;
    _Alignas(16) uint8_t controls[512];
    struct iovec vector = {.iov_base = &byte, .iov_len = sizeof byte};
    struct msghdr header = {.msg_name = &name,
                            .msg_namelen = sizeof name,
                            .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = controls,
                            .msg_controllen = sizeof controls};
    ssize_t received;
    do
        received = recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return 0;
    if (header.msg_namelen > 0)
        relay_from_sockaddr((const struct sockaddr *)&name, destination);
    for (struct cmsghdr *control = CMSG_FIRSTHDR(&header); control != NULL;
         control = CMSG_NXTHDR(&header, control)) {
        if ((control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR) ||
            (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR)) {
            struct sock_extended_err error;
            memcpy(&error, CMSG_DATA(control), sizeof error);
            *is_local = error.ee_origin == SO_EE_ORIGIN_LOCAL;
            return (int)error.ee_errno;
        }
    }
    return EIO;
}
