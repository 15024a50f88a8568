// The memory that relay_receive works in; private to this target.
#ifndef RELAYCAST_RECEIVE_BATCH_H
#define RELAYCAST_RECEIVE_BATCH_H

#include "CRelaySocket.h"

#include <sys/socket.h>

// IP_PKTINFO or IPV6_PKTINFO, and the TTL or hop limit, with room to spare.
#define RECEIVE_CONTROL_BYTES 128

typedef struct {
    struct mmsghdr messages[RELAY_BATCH_DATAGRAMS];
    struct iovec vectors[RELAY_BATCH_DATAGRAMS];
    struct sockaddr_storage names[RELAY_BATCH_DATAGRAMS];
    _Alignas(16) uint8_t controls[RELAY_BATCH_DATAGRAMS][RECEIVE_CONTROL_BYTES];
    int used; // headers that the last receive wrote and that must be reset
} receive_batch;

#endif
