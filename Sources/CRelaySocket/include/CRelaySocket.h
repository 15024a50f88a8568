// Linux calls that Swift cannot see or cannot make safely: recvmmsg, sendmmsg, epoll, control
// messages, routing netlink. Stateless; allocates nothing that outlives a call; every function
// that can fail returns a negative errno. Addresses cross this border in host byte order.
#ifndef RELAYCAST_CRELAYSOCKET_H
#define RELAYCAST_CRELAYSOCKET_H

#include <stddef.h>
#include <stdint.h>

// MARK: Addresses

// An address and port. IPv4 keeps its 32 bits in `low`.
typedef struct {
    uint64_t high;
    uint64_t low;
    uint32_t scope_id; // sin6_scope_id (ipv6(7))
    uint16_t port;
    uint8_t family; // 4, 6, or 0 = none
} relay_endpoint;

// MARK: Sockets

// A non-blocking, close-on-exec UDP socket; family 4 or 6 (then IPV6_V6ONLY).
int relay_socket_open(int family);
void relay_close(int fd);
int relay_bind(int fd, relay_endpoint endpoint);
int relay_local_endpoint(int fd, relay_endpoint *endpoint);

// SO_REUSEADDR: every socket of a port gets its copy of a multicast or broadcast datagram. Not
// SO_REUSEPORT: when a single socket of such a group is a member of an IPv4 multicast group, early
// demultiplexing gives the datagram to any socket of the port, member or not.
int relay_share_port(int fd);
// IP_MULTICAST_ALL / IPV6_MULTICAST_ALL = 0: nothing from groups that only others joined.
int relay_isolate_groups(int fd, int family);
// IP_PKTINFO and IP_RECVTTL, or their IPv6 twins: destination, interface and TTL of each datagram.
int relay_request_metadata(int fd, int family);
// IP_RECVTOS / IPV6_RECVTCLASS: the DSCP of each datagram.
int relay_request_dscp(int fd, int family, int enabled);
// IP_TOS / IPV6_TCLASS (RFC 2474): the DSCP, 0-63, of what is sent; the ECN bits are 0 (Not-ECT).
int relay_set_dscp(int fd, int family, int dscp);
// SO_TIMESTAMPNS: when each datagram arrived (socket(7)). The kernel then stamps all that the host
// receives, and each datagram costs 70 ns more.
int relay_request_arrival_times(int fd);
// IP_RECVERR / IPV6_RECVERR: without it a full send queue reports success.
int relay_report_errors(int fd, int family);
int relay_allow_broadcast(int fd);
int relay_set_multicast_loopback(int fd, int family, int enabled);
// IP_TRANSPARENT / IPV6_TRANSPARENT: source addresses that are not this host's; CAP_NET_ADMIN.
int relay_allow_foreign_sources(int fd, int family);
// SO_BINDTOIFINDEX: sends and receives by this interface only, whatever the routes say (socket(7)).
int relay_bind_to_interface(int fd, int interface_index);
// Sends only to, and receives only from, this endpoint.
int relay_connect(int fd, relay_endpoint endpoint);
// Asks for a send buffer (SO_SNDBUFFORCE, else SO_SNDBUF).
int relay_set_send_buffer(int fd, int bytes);
// IP_MULTICAST_IF / IPV6_MULTICAST_IF by index.
int relay_set_multicast_interface(int fd, int family, int interface_index);
// Multicast and unicast TTL, or hop limit.
int relay_set_ttl(int fd, int family, int ttl);
// Asks for a receive buffer (SO_RCVBUFFORCE, else SO_RCVBUF).
int relay_set_receive_buffer(int fd, int bytes);
// What SO_RCVBUF reports, halved: what was granted.
int relay_receive_buffer(int fd);
// MCAST_JOIN_GROUP (*,G).
int relay_join(int fd, relay_endpoint group, int interface_index);
// MCAST_JOIN_SOURCE_GROUP (S,G).
int relay_join_source(int fd, relay_endpoint group, relay_endpoint source, int interface_index);
// The most sources of a filter: net.ipv6.mld_max_msf; IPv4 has net.ipv4.igmp_max_msf, 10.
#define RELAY_SOURCES_MAX 64
// MCAST_MSFILTER (RFC 3678, 4.1.2): replaces the whole filter of a group that the socket is a
// member of; the new sources are added before the old ones go. No sources = any source.
int relay_set_sources(int fd, relay_endpoint group, const relay_endpoint *sources, int count,
                      int interface_index);
// sk_drops from SO_MEMINFO: datagrams dropped at the receive buffer; wraps at 2^32.
int64_t relay_receive_drops(int fd);

// MARK: Receiving

// Datagrams in a batch: 64 is where the cost per datagram stops falling.
#define RELAY_BATCH_DATAGRAMS 64
// Room for one datagram: more than the largest, 65 535, so nothing is ever truncated. Not a power
// of two, or all slots would fall on the same cache sets.
#define RELAY_SLOT_BYTES (65536 + 192)

// What a destination address is on this host.
enum {
    RELAY_UNKNOWN, // the control message was missing
    RELAY_UNICAST,
    RELAY_MULTICAST,
    RELAY_BROADCAST
};

// The control message with the TTL or hop limit came too.
#define RELAY_HAS_TTL 1
// The control message with the DSCP came too: the upper six bits of the flags, as they are in the
// traffic class.
#define RELAY_HAS_DSCP 2
#define RELAY_DSCP_SHIFT 2
// The length of a datagram that did not fit in its slot; none is as long (RFC 768).
#define RELAY_TRUNCATED_LENGTH 65535

// A received datagram; its payload is in the slot of the same index. A cache line: the addresses
// have one family, and an IPv4 address keeps its 32 bits in `low`.
typedef struct {
    uint64_t source_high;
    uint64_t source_low;
    uint32_t source_scope_id;
    int32_t interface_index; // 0 = unknown
    uint16_t source_port;
    uint8_t family;            // 4 or 6
    uint8_t destination_class; // RELAY_UNKNOWN: neither destination nor local address is known
    uint16_t length;           // RELAY_TRUNCATED_LENGTH: a slot has only so much of it
    uint8_t flags;             // RELAY_HAS_TTL, RELAY_HAS_DSCP and the DSCP
    uint8_t ttl;               // or hop limit
    uint64_t destination_high;
    uint64_t destination_low;
    uint64_t local_high; // ipi_spec_dst; IPv6: the destination when unicast
    uint64_t local_low;
} relay_received;

// Bytes of memory that relay_receive works in, aligned to 64; its slots come on top.
size_t relay_batch_bytes(void);
// Asks for huge pages (madvise(2), MADV_HUGEPAGE), of 2 MiB, to which the memory is aligned.
void relay_prefer_huge_pages(void *memory, size_t bytes);
#define RELAY_HUGE_PAGE_BYTES (2 << 20)
// Prepares memory of relay_batch_bytes() and RELAY_BATCH_DATAGRAMS slots of RELAY_SLOT_BYTES.
void relay_batch_initialize(void *batch, uint8_t *slots);
// Receives up to `limit` datagrams, 1…RELAY_BATCH_DATAGRAMS, without waiting: how many are described
// in `received`, or -errno; -EAGAIN = none.
int relay_receive(int fd, void *batch, relay_received *received, int limit);

// Whether source, interface, local address and class of destination are the same.
static inline int relay_has_same_origin(const relay_received *left, const relay_received *right)
{
    return left->source_low == right->source_low && left->source_port == right->source_port &&
           left->source_high == right->source_high &&
           left->source_scope_id == right->source_scope_id &&
           left->interface_index == right->interface_index &&
           left->destination_class == right->destination_class && left->family == right->family &&
           left->local_low == right->local_low && left->local_high == right->local_high;
}
// The datagrams of the last receive (bit n = index n) with the origin of the one before them.
uint64_t relay_repeats(const void *batch);
// When a datagram of the last receive arrived, by CLOCK_REALTIME in microseconds that wrap after 71
// minutes; 0 = unknown.
uint32_t relay_arrival(const void *batch, int index);
// When the datagram arrived that would be received next, in the same way; 0 = there is none.
uint32_t relay_next_arrival(int fd);
// Now, in the same way.
uint32_t relay_now_microseconds(void);

// MARK: Sending

typedef struct {
    const uint8_t *bytes;
    uint32_t length;
    int32_t interface_index;      // outbound interface; 0 = the socket's or by route
    int32_t ttl;                  // TTL or hop limit; 0 = the socket's
    int32_t dscp;                 // -1 = the socket's
    relay_endpoint destination;
    relay_endpoint local_address; // source address to use; family 0 = the kernel's choice
} relay_outgoing;

// Sends up to RELAY_BATCH_DATAGRAMS without waiting; how many left, or -errno of the first.
int relay_send(int fd, const relay_outgoing *outgoing, int count);
// Takes one entry off the error queue; its errno, or 0 when it is empty. `is_local` tells the
// errors of this host's own sends, which those sends also returned, from what ICMP reported. Where
// the datagram went is in `destination`, whose family is 0 where the kernel does not say it.
int relay_next_queued_error(int fd, int *is_local, relay_endpoint *destination);
// Takes the pending error off the socket (SO_ERROR).
int relay_take_pending_error(int fd);

// MARK: Forwarding

// How the datagrams of a receive batch go on to one destination.
typedef struct {
    relay_endpoint destination;
    relay_endpoint local_address; // source address to use; family 0 = the kernel's choice
    int32_t interface_index;  // outbound interface, IP_PKTINFO; 0 = the socket's or by route
    uint32_t segment_max;     // the largest payload that is merged by UDP_SEGMENT; 0 = none
    uint8_t decrements_ttl;   // send with the TTL that was received, less 1
    uint8_t preserves_source; // send with the source address that was received (IP_TRANSPARENT)
    uint8_t preserves_dscp;   // send with the DSCP that was received, where it is known
} relay_forwarding;

// Sends the datagrams of the mask (bit n = slot n) in order, from where they were received, without
// waiting; equal-sized ones are merged. `sent` = those that left; the ones after them are not tried.
// 0 when the kernel took at least the first message, or -errno of the first message.
int relay_forward(int fd, const void *batch, const relay_received *received, uint64_t mask,
                  const relay_forwarding *forwarding, uint64_t *sent);
// The datagrams that the first message of the mask is made of.
uint64_t relay_next_run(const relay_received *received, uint64_t mask,
                        const relay_forwarding *forwarding);

// MARK: Digests

#define RELAY_DIGEST_SEEDS 8

// A digest of a payload's bytes and length, keyed by odd random seeds.
uint64_t relay_digest(const uint8_t *bytes, size_t length,
                      const uint64_t seeds[RELAY_DIGEST_SEEDS]);

// Has the processor fetch the cache line of an address, to be written.
static inline void relay_prefetch(const void *address)
{
    __builtin_prefetch(address, 1);
}

// MARK: Waiting

typedef struct {
    uint64_t token;
    uint32_t readable;
    uint32_t writable;
    uint32_t failed;
} relay_event;

#define RELAY_EVENTS_MAX 256

int relay_epoll_create(void);
// Watches for readability and errors; level-triggered.
int relay_epoll_add(int epoll, int fd, uint64_t token);
// Watches for errors and what else is asked for, from now on or only until the next event.
int relay_epoll_modify(int epoll, int fd, uint64_t token, int readable, int writable, int once);
int relay_epoll_remove(int epoll, int fd);
// Up to RELAY_EVENTS_MAX events; a negative time-out waits for ever; EINTR is retried.
int relay_epoll_wait(int epoll, relay_event *events, int64_t timeout_nanoseconds);
// Lets the calling thread's waits end as exactly as the kernel can (PR_SET_TIMERSLACK, prctl(2)).
void relay_wait_exactly(void);

int relay_eventfd_create(void);
void relay_eventfd_signal(int fd);
void relay_eventfd_drain(int fd);

// MARK: Processes

#define RELAY_ARGUMENTS_MAX 64
#define RELAY_ENVIRONMENT_MAX 32
// Added to the number of the signal that ended a process.
#define RELAY_BY_SIGNAL 256

// A process that was started, and what belongs to the caller.
typedef struct {
    int32_t pid;
    int32_t end;    // readable when the process has ended (pidfd_open(2))
    int32_t output; // what it prints; does not block
    int32_t errors; // its standard error; does not block
} relay_process;

// Starts a program in a process group of its own, with no signal blocked or ignored, in /, with
// nothing open but its three standard descriptors (posix_spawn(3)): input is a file with a copy of
// the bytes. `strings` has the arguments and then the environment, each with its zero. 0 or -errno,
// also where the program cannot be executed.
int relay_process_start(const char *strings, int argument_count, int environment_count,
                        const uint8_t *input, size_t length, relay_process *process);
// Sends a signal to the process's group; the process must not have been reaped.
int relay_process_signal(int pid, int signal);
// Takes its exit status, or RELAY_BY_SIGNAL and the signal; -EAGAIN while it runs.
int relay_process_reap(int pid);
// read(2): 0 = the end, -EAGAIN = nothing for now.
int64_t relay_read(int fd, uint8_t *bytes, size_t capacity);

// MARK: The host

// The interface index of the kernel's route to an address, by any interface (index 0) or by one, or
// -errno (-ENETUNREACH: no route). `source` is the address that the kernel would send from, family 0
// where it says none; `is_local` tells whether this host itself is there (rtnetlink(7),
// RTM_GETROUTE).
int relay_route(relay_endpoint destination, int32_t interface_index, relay_endpoint *source,
                int *is_local);

typedef struct {
    char name[16];
    int32_t index;
    uint32_t flags;
    int32_t mtu;                // -1 = unknown
    int32_t prefix_length;
    uint32_t address_flags;     // IFA_F_…, rtnetlink(7)
    int32_t has_ipv6;           // 0: the device has none, or disable_ipv6 (ip-sysctl) is set
    relay_endpoint address;     // family 0: the interface itself
    relay_endpoint broadcast;   // family 0 = none
    relay_endpoint peer;        // of a link with two ends, family 0 = none
} relay_interface_entry;

// One entry for every interface and then one for every address (rtnetlink(7), RTM_GETLINK and
// RTM_GETADDR); how many there are (more than `capacity` when it was too small), or -errno.
int relay_list_interfaces(relay_interface_entry *entries, int capacity);

// The UDP sockets of a family (4 or 6) that have a port, besides those of the given descriptors, as
// /proc/net/udp and udp6 list them (proc(5)), or -errno.
int relay_count_port_holders(int family, uint16_t port, const int *besides, int count);

// A non-blocking socket that is told of interfaces that come and go (rtnetlink(7), RTMGRP_LINK).
int relay_link_events_open(void);
// Takes one event: the index of an interface that was deleted, 0 for any other event, -EAGAIN when
// there is none, -ENOBUFS when some were lost.
int relay_next_deleted_link(int fd);
// A non-blocking socket that is told of all that a path depends on: interfaces, addresses, routes.
int relay_path_events_open(void);
// Takes one event: 0, -EAGAIN when there is none, -ENOBUFS when some were lost.
int relay_next_path_event(int fd);

// Nanoseconds since 1970 (CLOCK_REALTIME) and of CLOCK_MONOTONIC.
int64_t relay_realtime_nanoseconds(void);
int64_t relay_monotonic_nanoseconds(void);
// The symbolic name of an error, like "EADDRINUSE".
const char *relay_errno_name(int error);
// How many descriptors this process may have (soft RLIMIT_NOFILE, getrlimit(2)).
int64_t relay_descriptor_limit(void);
// Names the calling thread, at most 15 bytes (pthread_setname_np(3)).
void relay_name_thread(const char *name);
// The effective capabilities of the calling thread, a bit for each number of linux/capability.h.
uint64_t relay_effective_capabilities(void);

#endif
