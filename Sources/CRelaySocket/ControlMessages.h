// Control messages of datagrams that are sent (cmsg(3)); private to this target.
#ifndef RELAYCAST_CONTROL_MESSAGES_H
#define RELAYCAST_CONTROL_MESSAGES_H

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

// Adds a message to the header's buffer, which must have room for it.
static inline void relay_append_control(struct msghdr *header, int level, int type,
                                        const void *data, size_t size)
{
    struct cmsghdr *control =
        (struct cmsghdr *)((uint8_t *)header->msg_control + header->msg_controllen);
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(control), data, size);
    header->msg_controllen += CMSG_SPACE(size);
}

// The TTL, or hop limit, of one datagram.
static inline void relay_append_ttl(struct msghdr *header, int family, int ttl)
{
    int is_ipv4 = family == 4;
    relay_append_control(header, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                         is_ipv4 ? IP_TTL : IPV6_HOPLIMIT, &ttl, sizeof ttl);
}

// The DSCP of one datagram; its ECN bits are 0.
static inline void relay_append_dscp(struct msghdr *header, int family, int dscp)
{
    int is_ipv4 = family == 4, traffic_class = dscp << 2;
    relay_append_control(header, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                         is_ipv4 ? IP_TOS : IPV6_TCLASS, &traffic_class, sizeof traffic_class);
}

#endif
