// The state of a reference relay, shared by its methods.
#ifndef RELAYCAST_BENCH_RELAY_H
#define RELAYCAST_BENCH_RELAY_H

#include "Sockets.h"

// Enough for the largest datagram, as in Relaycast, and a size that is no power of two, so that the
// slots do not share cache sets.
#define SLOT_BYTES (65536 + 192)
#define CONTROL_BYTES 128

struct bench_relay {
    bench_relay_options options;
    bench_relay_counts counts;
    int inbound[BENCH_ENDPOINTS_MAX];
    int outbound;
    int target_count;
    struct sockaddr_in targets[BENCH_ENDPOINTS_MAX];
    struct mmsghdr messages[BATCH_DATAGRAMS];
    struct iovec vectors[BATCH_DATAGRAMS];
    struct sockaddr_in names[BATCH_DATAGRAMS];
    _Alignas(16) uint8_t controls[BATCH_DATAGRAMS][CONTROL_BYTES];
    struct same_work *same_work;
    int batch; // datagrams to receive at once
    uint8_t slots[BATCH_DATAGRAMS][SLOT_BYTES];
};

// Forwards the first `count` slots, which were received by the inbound socket `index`.
void bench_forward_batch(bench_relay *relay, int index, int count);
void bench_forward_gather(bench_relay *relay, int index, int count);

// As Relaycast does: how many datagrams of this size fill whole messages of UDP_SEGMENT.
int bench_whole_batch(size_t size);

// What Relaycast does besides, for one batch; how many may be forwarded, which it moves to the
// front.
int bench_same_work(bench_relay *relay, int count);
struct same_work *bench_same_work_make(int has_guard);
void bench_same_work_free(struct same_work *work);

// The memory of payloads by which what circles is told from what is new.
struct loop_guard *bench_guard_make(void);
// Takes the samples of a batch's payloads, and has the processor fetch what is known of them.
void bench_guard_prepare(struct loop_guard *guard, const struct iovec *payloads, int count,
                         int64_t now);
// Whether a prepared payload seems to circle; what is new is remembered.
int bench_guard_circles(struct loop_guard *guard, int index, const struct iovec *payload,
                        const struct sockaddr_in *source, int64_t now);
void bench_guard_free(struct loop_guard *guard);

#endif
