#define _GNU_SOURCE
#include "Addresses.h"
#include "ControlMessages.h"
#include "ReceiveBatch.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

// The payload of the largest datagram, and so of what is segmented, over IPv4 and over IPv6.
#define PAYLOAD_MAX_IPV4 65507
#define PAYLOAD_MAX_IPV6 65487

// UDP_SEGMENT, TTL or hop limit, DSCP, and IP_PKTINFO or IPV6_PKTINFO.
#define CONTROL_BYTES                                                                              \
    (CMSG_SPACE(sizeof(uint16_t)) + 2 * CMSG_SPACE(sizeof(int)) +                                      \
     CMSG_SPACE(sizeof(struct in6_pktinfo)))

// Messages for one sendmmsg: each is a datagram, or a run of equal-sized ones that the kernel cuts
// again (udp(7), UDP_SEGMENT).
typedef struct {
    struct mmsghdr messages[RELAY_BATCH_DATAGRAMS];
    struct iovec vectors[RELAY_BATCH_DATAGRAMS];
    uint64_t members[RELAY_BATCH_DATAGRAMS]; // the datagrams of each message
    _Alignas(16) uint8_t controls[RELAY_BATCH_DATAGRAMS][CONTROL_BYTES];
} outgoing_messages;

// The outbound interface, and the source address: the sender's, or the one that is asked for.
static void append_packet_info(struct msghdr *header, const relay_forwarding *forwarding,
                               const relay_received *received)
{
    int has_source = forwarding->preserves_source || forwarding->local_address.family != 0;
    if (forwarding->interface_index == 0 && !has_source)
        return;
    uint64_t high = forwarding->preserves_source ? received->source_high
                                                 : forwarding->local_address.high;
    uint64_t low = forwarding->preserves_source ? received->source_low
                                                : forwarding->local_address.low;
    if (forwarding->destination.family == 4) {
        struct in_pktinfo info = {.ipi_ifindex = forwarding->interface_index};
        info.ipi_spec_dst.s_addr = htonl((uint32_t)low);
        relay_append_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
        return;
    }
    struct in6_pktinfo info = {.ipi6_ifindex = (uint32_t)forwarding->interface_index};
    info.ipi6_addr = relay_to_in6(high, low);
    relay_append_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static void append_controls(struct msghdr *header, const relay_forwarding *forwarding,
                            const relay_received *received, int is_run)
{
    if (is_run) {
        uint16_t segment = (uint16_t)received->length;
        relay_append_control(header, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
    }
    if (forwarding->decrements_ttl)
        relay_append_ttl(header, forwarding->destination.family, received->ttl - 1);
    if (forwarding->preserves_dscp && received->flags & RELAY_HAS_DSCP)
        relay_append_dscp(header, forwarding->destination.family,
                          received->flags >> RELAY_DSCP_SHIFT);
    append_packet_info(header, forwarding, received);
}

static int same_source(const relay_received *left, const relay_received *right)
{
    return left->source_low == right->source_low && left->source_high == right->source_high;
}

static int same_dscp(const relay_received *left, const relay_received *right)
{
    return ((left->flags ^ right->flags) & ~RELAY_HAS_TTL) == 0;
}

// The datagrams of the mask that can go in one message, from its first one on: a run has one
// length, and only its last datagram may be shorter.
static uint64_t next_message(const relay_received *received, uint64_t mask,
                             const relay_forwarding *forwarding)
{
    int first = __builtin_ctzll(mask);
    uint32_t length = received[first].length;
    uint64_t members = 1ull << first;
    mask &= mask - 1;
    if (length == 0 || length > forwarding->segment_max)
        return members;
    uint32_t room = forwarding->destination.family == 4 ? PAYLOAD_MAX_IPV4 : PAYLOAD_MAX_IPV6;
    for (room -= length; mask != 0; mask &= mask - 1) {
        const relay_received *next = &received[__builtin_ctzll(mask)];
        if (next->length == 0 || next->length > length || next->length > room)
            break;
        if (forwarding->decrements_ttl && next->ttl != received[first].ttl)
            break;
        if (forwarding->preserves_dscp && !same_dscp(next, &received[first]))
            break;
        if (forwarding->preserves_source && !same_source(next, &received[first]))
            break;
        members |= mask & -mask;
        room -= next->length;
        if (next->length < length)
            break;
    }
    return members;
}

static int prepare(outgoing_messages *outgoing, const receive_batch *batch,
                   const relay_received *received, uint64_t mask,
                   const relay_forwarding *forwarding, struct sockaddr_storage *name,
                   socklen_t name_length)
{
    int count = 0;
    struct iovec *vector = outgoing->vectors;
    while (mask != 0) {
        uint64_t members = next_message(received, mask, forwarding);
        struct msghdr *header = &outgoing->messages[count].msg_hdr;
        header->msg_name = name;
        header->msg_namelen = name_length;
        header->msg_iov = vector;
        header->msg_flags = 0;
        for (uint64_t rest = members; rest != 0; rest &= rest - 1) {
            int index = __builtin_ctzll(rest);
            vector->iov_base = batch->vectors[index].iov_base;
            vector->iov_len = received[index].length;
            vector++;
        }
        header->msg_iovlen = (size_t)(vector - header->msg_iov);
        header->msg_control = outgoing->controls[count];
        header->msg_controllen = 0;
        append_controls(header, forwarding, &received[__builtin_ctzll(members)],
                        header->msg_iovlen > 1);
        outgoing->members[count] = members;
        mask &= ~members;
        count++;
    }
    return count;
}

static int send_messages(int fd, outgoing_messages *outgoing, int count)
{
    int sent;
    do
        if (count == 1)
            sent = sendmsg(fd, &outgoing->messages[0].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
        else
            sent = sendmmsg(fd, outgoing->messages, (unsigned)count, MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int relay_forward(int fd, const void *memory, const relay_received *received, uint64_t mask,
                  const relay_forwarding *forwarding, uint64_t *sent)
{
    outgoing_messages outgoing;
    struct sockaddr_storage name;
    *sent = 0;
    if (mask == 0)
        return 0;
    socklen_t name_length = relay_to_sockaddr(&forwarding->destination, &name);
    int count = prepare(&outgoing, memory, received, mask, forwarding, &name, name_length);
    int result = send_messages(fd, &outgoing, count);
    for (int index = 0; index < result; index++)
        *sent |= outgoing.members[index];
    return result < 0 ? result : 0;
}

uint64_t relay_next_run(const relay_received *received, uint64_t mask,
                        const relay_forwarding *forwarding)
{
    return mask == 0 ? 0 : next_message(received, mask, forwarding);
}
