// The memory that relay_receive works in; private to this target.
#ifndef RELAYCAST_RECEIVE_BATCH_H
#define RELAYCAST_RECEIVE_BATCH_H

#include "CRelaySocket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

// IP_PKTINFO or IPV6_PKTINFO, and the TTL or hop limit: a cache line. Where they are asked for, the
// DSCP and the time are in another.
#define RECEIVE_CONTROL_BYTES 128

typedef struct {
    struct mmsghdr messages[RELAY_BATCH_DATAGRAMS];
    struct iovec vectors[RELAY_BATCH_DATAGRAMS];
    struct sockaddr_in6 names[RELAY_BATCH_DATAGRAMS]; // or sockaddr_in, which is smaller
    _Alignas(64) uint8_t controls[RELAY_BATCH_DATAGRAMS][RECEIVE_CONTROL_BYTES];
    uint32_t arrivals[RELAY_BATCH_DATAGRAMS]; // see relay_arrival
    uint64_t repeats;                         // see relay_repeats
    int used; // headers that the last receive wrote and that must be reset
} receive_batch;

_Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int)) +
                       CMSG_SPACE(sizeof(struct timespec)) <=
                   RECEIVE_CONTROL_BYTES,
               "the control messages fit");

_Static_assert(sizeof(relay_received) == 64, "a description is a cache line");

#endif
