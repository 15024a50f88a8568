#include "Sockets.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BUFFER_BYTES (16 * 1024 * 1024)
// Latencies are counted by the microsecond, up to 100 ms.
#define LATENCY_SLOTS 100000
// Of one socket in a row, when it only looks: more than its buffer holds.
#define BATCHES_MAX 1024

typedef struct {
    const bench_reception *reception;
    bench_counted *counted;
    int epoll;
    int sockets[BENCH_ENDPOINTS_MAX];
    uint64_t next[BENCH_ENDPOINTS_MAX];
    struct mmsghdr messages[BATCH_DATAGRAMS];
    struct iovec vectors[BATCH_DATAGRAMS];
    bench_stamp stamps[BATCH_DATAGRAMS];
    uint32_t latencies[LATENCY_SLOTS];
    int64_t latency_max;
} receiver;

static int open_sockets(receiver *receiver)
{
    const bench_endpoints *at = &receiver->reception->at;
    receiver->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (receiver->epoll < 0)
        return -errno;
    for (int index = 0; index < at->count; index++) {
        int fd = bench_open_inbound(at, index, RECEIVE_BUFFER_BYTES);
        if (fd < 0)
            return fd;
        receiver->sockets[index] = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
        if (epoll_ctl(receiver->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            return -errno;
    }
    return 0;
}

static void note_latency(receiver *receiver, int64_t latency)
{
    int64_t slot = latency / 1000;
    receiver->latencies[slot < 0 ? 0 : slot < LATENCY_SLOTS ? slot : LATENCY_SLOTS - 1]++;
    if (latency > receiver->latency_max)
        receiver->latency_max = latency;
}

// The payload beyond the stamp is never copied: MSG_TRUNC gives its length all the same.
static int receive_batch(receiver *receiver, int index)
{
    int count = recvmmsg(receiver->sockets[index], receiver->messages, BATCH_DATAGRAMS,
                         MSG_DONTWAIT | MSG_TRUNC, NULL);
    if (count <= 0)
        return 0;
    int64_t now = receiver->reception->measure_latency ? bench_clock(CLOCK_MONOTONIC) : 0;
    for (int place = 0; place < count; place++) {
        const bench_stamp *stamp = &receiver->stamps[place];
        receiver->counted->bytes += receiver->messages[place].msg_len;
        if (stamp->sequence < receiver->next[index])
            receiver->counted->reordered++;
        else
            receiver->next[index] = stamp->sequence + 1;
        if (receiver->reception->measure_latency)
            note_latency(receiver, now - stamp->sent_at);
    }
    receiver->counted->received += (uint64_t)count;
    return count;
}

// Looks at the sockets in turn, until nothing has come for as long as is allowed.
static void look_again_and_again(receiver *receiver)
{
    const bench_reception *reception = receiver->reception;
    struct timespec pause = {0, (int64_t)reception->look_every_microseconds * 1000};
    int64_t patience = (int64_t)reception->patience_milliseconds * 1000000;
    int64_t last = bench_clock(CLOCK_MONOTONIC);
    for (int64_t now = last; now - last < patience; now = bench_clock(CLOCK_MONOTONIC)) {
        int count = 0;
        for (int index = 0; index < reception->at.count; index++)
            for (int batch = 0; batch < BATCHES_MAX; batch++) {
                int received = receive_batch(receiver, index);
                count += received;
                if (received < BATCH_DATAGRAMS)
                    break;
            }
        if (count > 0) {
            last = bench_clock(CLOCK_MONOTONIC);
            patience = (int64_t)reception->idle_milliseconds * 1000000;
        }
        nanosleep(&pause, NULL);
    }
}

static void receive_all(receiver *receiver)
{
    int patience = receiver->reception->patience_milliseconds;
    for (;;) {
        struct epoll_event events[BENCH_ENDPOINTS_MAX];
        int ready = epoll_wait(receiver->epoll, events, BENCH_ENDPOINTS_MAX, patience);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return;
        for (int event = 0; event < ready; event++)
            receive_batch(receiver, (int)events[event].data.u32);
        patience = receiver->reception->idle_milliseconds;
    }
}

static int64_t percentile(const receiver *receiver, double part)
{
    uint64_t wanted = (uint64_t)((double)receiver->counted->received * part), seen = 0;
    for (int slot = 0; slot < LATENCY_SLOTS; slot++) {
        seen += receiver->latencies[slot];
        if (seen > wanted)
            return (int64_t)slot * 1000;
    }
    return receiver->latency_max;
}

static uint64_t dropped(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof memory;
    getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length);
    return memory[SK_MEMINFO_DROPS];
}

int bench_receive(const bench_reception *reception, bench_counted *counted)
{
    static receiver receiver;
    if (reception->at.count < 1 || reception->at.count > BENCH_ENDPOINTS_MAX ||
        reception->look_every_microseconds < 0 || reception->look_every_microseconds >= 1000000)
        return -EINVAL;
    memset(counted, 0, sizeof *counted);
    receiver.reception = reception;
    receiver.counted = counted;
    int result = open_sockets(&receiver);
    if (result < 0)
        return result;
    for (int place = 0; place < BATCH_DATAGRAMS; place++) {
        receiver.vectors[place] = (struct iovec){&receiver.stamps[place], sizeof(bench_stamp)};
        receiver.messages[place].msg_hdr =
            (struct msghdr){.msg_iov = &receiver.vectors[place], .msg_iovlen = 1};
    }
    printf("{\"listening\":true}\n");
    fflush(stdout);
    if (reception->look_every_microseconds > 0)
        look_again_and_again(&receiver);
    else
        receive_all(&receiver);
    for (int index = 0; index < reception->at.count; index++) {
        counted->dropped += dropped(receiver.sockets[index]);
        close(receiver.sockets[index]);
    }
    close(receiver.epoll);
    counted->latency_p50 = reception->measure_latency ? percentile(&receiver, 0.5) : -1;
    counted->latency_p99 = reception->measure_latency ? percentile(&receiver, 0.99) : -1;
    counted->latency_max = reception->measure_latency ? receiver.latency_max : -1;
    return 0;
}
