// What all reference programs do with sockets.
#ifndef RELAYCAST_BENCH_SOCKETS_H
#define RELAYCAST_BENCH_SOCKETS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CBenchReference.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define BATCH_DATAGRAMS 64

// The n-th endpoint: of groups the n-th address, else the n-th port.
struct sockaddr_in bench_endpoint(const bench_endpoints *endpoints, int index);
// A bound socket, a member of the group if the endpoint is one.
int bench_open_inbound(const bench_endpoints *endpoints, int index, int receive_buffer_bytes);
// A socket to send from, to groups by the interface of `endpoints`, with TTL 4.
int bench_open_outbound(const bench_endpoints *endpoints);
int bench_set(int fd, int level, int name, int value);
int64_t bench_clock(int clock);

#endif
