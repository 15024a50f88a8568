#include "Relay.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// The defaults of a session: recentPackets, snapLength, and the sources that are told apart.
#define RING_PACKETS 64
#define SNAP_BYTES 256
#define SOURCES_MAX 64

typedef struct {
    uint32_t network;
    uint32_t mask;
} block;

typedef struct {
    int64_t at;
    struct sockaddr_in source;
    struct in_addr destination;
    struct in_addr local_address;
    int interface_index;
    int ttl;
    uint32_t length;
    uint32_t captured;
} packet;

typedef struct {
    struct in_addr address;
    in_port_t port;
    uint64_t datagrams;
    uint64_t bytes;
    int64_t last_at;
} source;

struct same_work {
    block allowed[1];
    _Atomic uint64_t received, received_bytes, accepted, accepted_bytes, dropped;
    pthread_mutex_t lock;
    uint64_t newest;
    packet packets[RING_PACKETS];
    uint8_t payloads[RING_PACKETS][SNAP_BYTES];
    source sources[SOURCES_MAX];
    int source_count;
    int last_source;
    struct loop_guard *guard; // NULL = none
};

struct same_work *bench_same_work_make(int has_guard)
{
    struct same_work *work = calloc(1, sizeof *work);
    if (work == NULL)
        return NULL;
    pthread_mutex_init(&work->lock, NULL);
    // Every source passes, and the compiler cannot know.
    work->allowed[0] = (block){0, 0};
    if (has_guard && (work->guard = bench_guard_make()) == NULL) {
        bench_same_work_free(work);
        return NULL;
    }
    return work;
}

void bench_same_work_free(struct same_work *work)
{
    if (work == NULL)
        return;
    bench_guard_free(work->guard);
    pthread_mutex_destroy(&work->lock);
    free(work);
}

static void read_controls(struct msghdr *header, packet *packet)
{
    packet->ttl = -1;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL;
         control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level != IPPROTO_IP)
            continue;
        if (control->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(control), sizeof info);
            packet->destination = info.ipi_addr;
            packet->local_address = info.ipi_spec_dst;
            packet->interface_index = info.ipi_ifindex;
        } else if (control->cmsg_type == IP_TTL) {
            memcpy(&packet->ttl, CMSG_DATA(control), sizeof packet->ttl);
        }
    }
}

static int is_accepted(const struct same_work *work, const packet *packet)
{
    uint32_t destination = ntohl(packet->destination.s_addr);
    int is_broadcast = packet->destination.s_addr != packet->local_address.s_addr;
    if (is_broadcast && !IN_MULTICAST(destination))
        return 0;
    uint32_t address = ntohl(packet->source.sin_addr.s_addr);
    return (address & work->allowed[0].mask) == work->allowed[0].network;
}

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

static source *find_source(struct same_work *work, const struct sockaddr_in *name)
{
    source *entry = &work->sources[work->last_source];
    if (entry->address.s_addr == name->sin_addr.s_addr && entry->port == name->sin_port)
        return entry;
    for (int index = 0; index < work->source_count; index++) {
        entry = &work->sources[index];
        if (entry->address.s_addr == name->sin_addr.s_addr && entry->port == name->sin_port) {
            work->last_source = index;
            return entry;
        }
    }
    int taken = 0;
    if (work->source_count < SOURCES_MAX)
        taken = work->source_count++;
    else
        for (int index = 1; index < SOURCES_MAX; index++)
            if (work->sources[index].last_at < work->sources[taken].last_at)
                taken = index;
    work->last_source = taken;
    work->sources[taken] = (source){.address = name->sin_addr, .port = name->sin_port};
    return &work->sources[taken];
}

static void remember(struct same_work *work, const packet *headers, const struct iovec *payloads,
                     int count)
{
    pthread_mutex_lock(&work->lock);
    for (int index = 0; index < count; index++) {
        const packet *header = &headers[index];
        source *from = find_source(work, &header->source);
        from->datagrams++;
        from->bytes += header->length;
        from->last_at = header->at;
        uint64_t place = ++work->newest % RING_PACKETS;
        work->packets[place] = *header;
        uint32_t captured = header->length < SNAP_BYTES ? header->length : SNAP_BYTES;
        work->packets[place].captured = captured;
        memcpy(work->payloads[place], payloads[index].iov_base, captured);
    }
    pthread_mutex_unlock(&work->lock);
}

int bench_same_work(bench_relay *relay, int count)
{
    struct same_work *work = relay->same_work;
    packet packets[BATCH_DATAGRAMS];
    int64_t now = bench_clock(CLOCK_REALTIME);
    int64_t tick = work->guard != NULL ? bench_clock(CLOCK_MONOTONIC) : 0;
    uint64_t bytes = 0;
    for (int slot = 0; slot < count; slot++) {
        packets[slot].at = now;
        packets[slot].source = relay->names[slot];
        packets[slot].length = relay->messages[slot].msg_len;
        read_controls(&relay->messages[slot].msg_hdr, &packets[slot]);
        bytes += packets[slot].length;
    }
    remember(work, packets, relay->vectors, count);

    struct iovec payloads[BATCH_DATAGRAMS];
    const struct sockaddr_in *sources[BATCH_DATAGRAMS];
    int candidates = 0;
    for (int slot = 0; slot < count; slot++) {
        if (!is_accepted(work, &packets[slot]))
            continue;
        payloads[candidates] = (struct iovec){relay->vectors[slot].iov_base, packets[slot].length};
        sources[candidates++] = &packets[slot].source;
    }
    if (work->guard != NULL)
        bench_guard_prepare(work->guard, payloads, candidates, tick);
    uint64_t accepted_bytes = 0;
    int accepted = 0;
    for (int index = 0; index < candidates; index++) {
        if (work->guard != NULL &&
            bench_guard_circles(work->guard, index, &payloads[index], sources[index], tick))
            continue;
        accepted_bytes += payloads[index].iov_len;
        relay->vectors[accepted].iov_base = payloads[index].iov_base;
        relay->messages[accepted].msg_len = (unsigned int)payloads[index].iov_len;
        accepted++;
    }
    add(&work->received, (uint64_t)count);
    add(&work->received_bytes, bytes);
    add(&work->accepted, (uint64_t)accepted);
    add(&work->accepted_bytes, accepted_bytes);
    add(&work->dropped, (uint64_t)(count - accepted));
    return accepted;
}
