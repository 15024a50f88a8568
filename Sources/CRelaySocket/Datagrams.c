#define _GNU_SOURCE
#include "Addresses.h"
#include "ControlMessages.h"
#include "ReceiveBatch.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>

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

static int is_multicast_in6(const struct in6_addr *address)
{
    return address->s6_addr[0] == 0xff;
}

static void read_control_message(struct cmsghdr *control, relay_received *received)
{
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(control), sizeof info);
        relay_from_in4(info.ipi_addr, &received->destination);
        relay_from_in4(info.ipi_spec_dst, &received->local_address);
        received->interface_index = info.ipi_ifindex;
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(control), sizeof info);
        relay_from_in6(&info.ipi6_addr, &received->destination);
        if (!is_multicast_in6(&info.ipi6_addr))
            received->local_address = received->destination;
        received->interface_index = (int32_t)info.ipi6_ifindex;
    } else if ((control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TTL) ||
               (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_HOPLIMIT)) {
        int ttl;
        memcpy(&ttl, CMSG_DATA(control), sizeof ttl);
        received->ttl = ttl;
    }
}

static void describe(receive_batch *batch, int index, relay_received *received)
{
    struct msghdr *header = &batch->messages[index].msg_hdr;
    memset(received, 0, sizeof *received);
    received->ttl = -1;
    received->length = batch->messages[index].msg_len;
    received->truncated = (header->msg_flags & MSG_TRUNC) != 0;
    relay_from_sockaddr((struct sockaddr *)&batch->names[index], &received->source);
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL;
         control = CMSG_NXTHDR(header, control))
        read_control_message(control, received);
}

int relay_receive(int fd, void *memory, relay_received *received)
{
    receive_batch *batch = memory;
    for (int index = 0; index < batch->used; index++)
        reset_header(batch, index);
    batch->used = 0;
    int count;
    do
        count = recvmmsg(fd, batch->messages, RELAY_BATCH_DATAGRAMS, MSG_DONTWAIT, NULL);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    batch->used = count;
    for (int index = 0; index < count; index++)
        describe(batch, index, &received[index]);
    return count;
}

// What one datagram may ask for: a TTL or hop limit, IP_PKTINFO or IPV6_PKTINFO.
#define SEND_CONTROL_BYTES (CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo)))

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
    info.ipi6_addr = relay_to_in6(&outgoing->local_address);
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
        append_packet_info(header, &outgoing[index]);
    }
    int sent;
    do
        sent = sendmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int relay_next_queued_error(int fd, int *is_local)
{
    *is_local = 0;
    uint8_t byte;
    _Alignas(16) uint8_t controls[512];
    struct iovec vector = {.iov_base = &byte, .iov_len = sizeof byte};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = controls,
                            .msg_controllen = sizeof controls};
    ssize_t received;
    do
        received = recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return 0;
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
