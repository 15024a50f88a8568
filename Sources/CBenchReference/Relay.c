#include "Relay.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static volatile sig_atomic_t is_stopping;
static bench_relay *running;

// A shut-down socket lets go of whoever waits for it.
static void stop(int signal)
{
    (void)signal;
    is_stopping = 1;
    for (int index = 0; index < running->options.inbound.count; index++)
        shutdown(running->inbound[index], SHUT_RD);
}

static int is_extended(const bench_relay *relay)
{
    return relay->options.method == BENCH_SAME_WORK || relay->options.method == BENCH_GUARDED;
}

static void reset_headers(bench_relay *relay, int count)
{
    for (int slot = 0; slot < count; slot++) {
        struct msghdr *header = &relay->messages[slot].msg_hdr;
        relay->vectors[slot].iov_base = relay->slots[slot];
        relay->vectors[slot].iov_len = SLOT_BYTES;
        header->msg_iov = &relay->vectors[slot];
        header->msg_iovlen = 1;
        if (is_extended(relay)) {
            header->msg_name = &relay->names[slot];
            header->msg_namelen = sizeof relay->names[slot];
            header->msg_control = relay->controls[slot];
            header->msg_controllen = CONTROL_BYTES;
        }
    }
}

static int open_sockets(bench_relay *relay)
{
    const bench_relay_options *options = &relay->options;
    relay->outbound = -1;
    for (int index = 0; index < options->inbound.count; index++)
        relay->inbound[index] = -1;
    for (int index = 0; index < options->inbound.count; index++) {
        int fd = bench_open_inbound(&options->inbound, index, options->receive_buffer_bytes);
        if (fd < 0)
            return fd;
        relay->inbound[index] = fd;
        if (is_extended(relay)) {
            bench_set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
            bench_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
            bench_set(fd, IPPROTO_IP, IP_RECVTTL, 1);
            bench_set(fd, IPPROTO_IP, IP_RECVERR, 1);
        }
    }
    if (options->method == BENCH_DISCARD)
        return 0;
    relay->outbound = bench_open_outbound(&options->outbound);
    if (relay->outbound >= 0 && is_extended(relay))
        bench_set(relay->outbound, IPPROTO_IP, IP_RECVERR, 1);
    return relay->outbound < 0 ? relay->outbound : 0;
}

bench_relay *bench_relay_open(const bench_relay_options *options)
{
    if (options->inbound.count < 1 || options->inbound.count > BENCH_ENDPOINTS_MAX ||
        options->outbound.count > BENCH_ENDPOINTS_MAX) {
        errno = EINVAL;
        return NULL;
    }
    bench_relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL)
        return NULL;
    relay->options = *options;
    relay->target_count = options->outbound.count;
    relay->batch = BATCH_DATAGRAMS;
    for (int index = 0; index < relay->target_count; index++)
        relay->targets[index] = bench_endpoint(&options->outbound, index);
    reset_headers(relay, BATCH_DATAGRAMS);
    int result = open_sockets(relay);
    int has_guard = options->method == BENCH_GUARDED;
    if (result == 0 && is_extended(relay) &&
        (relay->same_work = bench_same_work_make(has_guard)) == NULL)
        result = -ENOMEM;
    if (result == 0)
        return relay;
    bench_relay_close(relay);
    errno = -result;
    return NULL;
}

void bench_relay_close(bench_relay *relay)
{
    for (int index = 0; index < relay->options.inbound.count; index++)
        if (relay->inbound[index] >= 0)
            close(relay->inbound[index]);
    if (relay->outbound >= 0)
        close(relay->outbound);
    bench_same_work_free(relay->same_work);
    free(relay);
}

bench_relay_counts bench_relay_counted(const bench_relay *relay)
{
    return relay->counts;
}

// One datagram as a beginner's program moves it; how many were received.
static int move_one(bench_relay *relay, int index, int flags)
{
    ssize_t length = recvfrom(relay->inbound[index], relay->slots[0], SLOT_BYTES, flags, NULL, NULL);
    if (length < 0 || is_stopping)
        return 0;
    relay->counts.received++;
    int is_fan_out = relay->options.inbound.count == 1;
    int end = is_fan_out ? relay->target_count : index + 1;
    for (int target = is_fan_out ? 0 : index; target < end; target++) {
        ssize_t sent = sendto(relay->outbound, relay->slots[0], (size_t)length, 0,
                              (struct sockaddr *)&relay->targets[target], sizeof relay->targets[0]);
        relay->counts.forwarded += sent >= 0;
        relay->counts.failed += sent < 0;
    }
    return 1;
}

static int move_batch(bench_relay *relay, int index, int flags)
{
    int received =
        recvmmsg(relay->inbound[index], relay->messages, (unsigned int)relay->batch, flags, NULL);
    if (received <= 0 || is_stopping)
        return 0;
    relay->counts.received += (uint64_t)received;
    int forwarded = received;
    switch (relay->options.method) {
    case BENCH_BATCH:
        bench_forward_batch(relay, index, received);
        break;
    case BENCH_GATHER:
        bench_forward_gather(relay, index, received);
        break;
    case BENCH_SAME_WORK:
    case BENCH_GUARDED:
        if (received == relay->batch && relay->target_count > 0)
            relay->batch = bench_whole_batch(relay->messages[0].msg_len);
        forwarded = bench_same_work(relay, received);
        bench_forward_gather(relay, index, forwarded);
        reset_headers(relay, received);
        break;
    case BENCH_NAIVE:
    case BENCH_DISCARD:
        break;
    }
    return received;
}

static int move(bench_relay *relay, int index, int flags)
{
    return relay->options.method == BENCH_NAIVE
               ? move_one(relay, index, flags)
               : move_batch(relay, index, flags | MSG_WAITFORONE);
}

int bench_relay_drain(bench_relay *relay)
{
    int total = 0;
    for (int index = 0; index < relay->options.inbound.count; index++) {
        int received, full;
        do {
            full = relay->options.method == BENCH_NAIVE ? 1 : relay->batch;
            received = move(relay, index, MSG_DONTWAIT);
            total += received;
        } while (received == full);
    }
    return total;
}

static int run_many(bench_relay *relay)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return -errno;
    for (int index = 0; index < relay->options.inbound.count; index++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, relay->inbound[index], &event) != 0)
            return -errno;
    }
    while (!is_stopping) {
        struct epoll_event events[BENCH_ENDPOINTS_MAX];
        int ready = epoll_wait(epoll, events, BENCH_ENDPOINTS_MAX, -1);
        for (int event = 0; event < ready && !is_stopping; event++)
            move(relay, (int)events[event].data.u32, MSG_DONTWAIT);
    }
    close(epoll);
    return 0;
}

int bench_relay_run(bench_relay *relay)
{
    running = relay;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (relay->options.inbound.count > 1)
        return run_many(relay);
    while (!is_stopping)
        move(relay, 0, 0);
    return 0;
}
