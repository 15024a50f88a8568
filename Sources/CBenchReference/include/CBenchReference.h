// Reference programs that Relaycast is measured against, and the tools that measure: written in C
// the way one would write them if nothing but speed mattered. Every function that can fail returns
// a negative errno; addresses are IPv4 in host byte order.
#ifndef RELAYCAST_CBENCHREFERENCE_H
#define RELAYCAST_CBENCHREFERENCE_H

#include <stddef.h>
#include <stdint.h>

// MARK: Addresses

// A run of UDP endpoints: `count` ports from `port` on, or, of groups, `count` addresses from
// `address` on with one port.
typedef struct {
    uint32_t address; // 0 = any
    uint16_t port;
    uint16_t count;
    uint32_t interface_address; // of a group: where it is joined, or sent from
} bench_endpoints;

#define BENCH_ENDPOINTS_MAX 128

// Reads "192.0.2.1" into host byte order.
int bench_parse_address(const char *text, uint32_t *address);

// MARK: Relays

typedef enum {
    BENCH_NAIVE,     // recvfrom, sendto
    BENCH_BATCH,     // recvmmsg, sendmmsg
    BENCH_GATHER,    // recvmmsg, sendmsg with UDP_SEGMENT over the received slots
    BENCH_SAME_WORK, // that, with what Relaycast does for a datagram, but for the guard
    BENCH_GUARDED,   // and with its guard against loops: all that it does by default
    BENCH_DISCARD    // recvmmsg; the payload and nothing else
} bench_method;

typedef struct {
    bench_method method;
    bench_endpoints inbound;
    // With one inbound endpoint it goes to all of these; else the n-th goes to the n-th.
    bench_endpoints outbound;
    int receive_buffer_bytes;
} bench_relay_options;

typedef struct {
    uint64_t received;
    uint64_t forwarded;
    uint64_t failed;
} bench_relay_counts;

typedef struct bench_relay bench_relay;

// Opens the sockets; NULL with the reason in errno.
bench_relay *bench_relay_open(const bench_relay_options *options);
// Forwards until nothing is readable; how many datagrams were received.
int bench_relay_drain(bench_relay *relay);
// Forwards until SIGTERM or SIGINT.
int bench_relay_run(bench_relay *relay);
bench_relay_counts bench_relay_counted(const bench_relay *relay);
void bench_relay_close(bench_relay *relay);

// MARK: Traffic

// Each datagram begins with these 16 bytes, in the machine's byte order.
typedef struct {
    uint64_t sequence; // from 0
    int64_t sent_at;   // CLOCK_MONOTONIC, nanoseconds
} bench_stamp;

#define BENCH_SIZE_MAX 1472

typedef struct {
    bench_endpoints to; // in turn, when there are several
    int size;           // payload bytes, 16 … BENCH_SIZE_MAX
    double rate;        // datagrams a second; 0 = as fast as it goes
    double seconds;
    uint64_t count_max; // 0 = no limit but the time
    int segments;       // whether bursts may leave by UDP_SEGMENT
} bench_traffic;

typedef struct {
    uint64_t sent;
    uint64_t failed;
    double seconds;
    int64_t cpu_nanoseconds;
} bench_sent;

// Sends; up to 50 000/s evenly spaced, above in bursts of at most 50 microseconds' worth.
int bench_generate(const bench_traffic *traffic, bench_sent *sent);

typedef struct {
    bench_endpoints at;
    int idle_milliseconds;    // it is over when nothing came for so long
    int patience_milliseconds; // and when nothing came at all
    int measure_latency;
    // 0 = it waits for datagrams, and whoever sends wakes it; else it looks every so often, and
    // nobody has to.
    int look_every_microseconds;
} bench_reception;

typedef struct {
    uint64_t received;
    uint64_t dropped; // at the receive buffers
    uint64_t reordered;
    uint64_t bytes;
    int64_t latency_p50; // nanoseconds; -1 = not measured
    int64_t latency_p99;
    int64_t latency_max;
} bench_counted;

// Prints one line when its sockets are open, then counts.
int bench_receive(const bench_reception *reception, bench_counted *counted);

// MARK: Comparing within one process

// A sender and a sink on 127.0.0.1 for a relay in this process, so that only the relay is timed.
typedef struct bench_loopback bench_loopback;

// NULL with the reason in errno. The sink listens on `sink_count` ports, at most
// BENCH_ENDPOINTS_MAX, from `sink_port` on.
bench_loopback *bench_loopback_open(uint16_t sink_port, int sink_count);
// Puts `count` datagrams of `size` bytes into the receive buffer of 127.0.0.1:`port`.
int bench_loopback_fill(bench_loopback *loopback, uint16_t port, int count, int size);
// Empties the sink; how many datagrams were in it, all ports together.
int bench_loopback_empty(bench_loopback *loopback);
void bench_loopback_close(bench_loopback *loopback);
// CPU time of the calling thread.
int64_t bench_thread_cpu_nanoseconds(void);

// MARK: The API's reference

// Answers every request to 127.0.0.1:`port` with 200, these header lines ("Name: value\n"…) and
// this body, from one response made in advance, by libmicrohttpd with the daemon's flags (one
// thread, poll). Prints one line when it listens, and returns on SIGTERM or SIGINT.
int bench_serve(uint16_t port, const char *headers, const uint8_t *body, size_t length);

#endif
