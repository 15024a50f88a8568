#include "Sockets.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#define BURST_BYTES_MAX 65000
// Above this rate datagrams leave in bursts, so that the generator has time for them.
#define EVEN_RATE_MAX 50000.0
#define BURST_NANOSECONDS 50000
// A debt older than this is forgiven, or a pause of the generator would become a flood.
#define DEBT_NANOSECONDS 2000000
// A sleep ends late by about this much; the rest is waited for.
#define SLEEP_ERROR_NANOSECONDS 100000

typedef struct {
    const bench_traffic *traffic;
    int fd;
    uint64_t sequence;
    uint64_t failed;
    uint8_t payloads[BATCH_DATAGRAMS][BENCH_SIZE_MAX];
} generator;

static void stamp(generator *generator, int count)
{
    int64_t now = bench_clock(CLOCK_MONOTONIC);
    for (int index = 0; index < count; index++) {
        bench_stamp stamp = {generator->sequence++, now};
        memcpy(generator->payloads[index], &stamp, sizeof stamp);
    }
}

static void send_segments(generator *generator, int count)
{
    int size = generator->traffic->size;
    struct sockaddr_in to = bench_endpoint(&generator->traffic->to, 0);
    struct iovec vectors[BATCH_DATAGRAMS];
    for (int index = 0; index < count; index++)
        vectors[index] = (struct iovec){generator->payloads[index], (size_t)size};
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
    struct msghdr header = {&to, sizeof to, vectors, (size_t)count, control, sizeof control, 0};
    struct cmsghdr *segment = CMSG_FIRSTHDR(&header);
    segment->cmsg_level = SOL_UDP;
    segment->cmsg_type = UDP_SEGMENT;
    segment->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    uint16_t segment_bytes = (uint16_t)size;
    memcpy(CMSG_DATA(segment), &segment_bytes, sizeof segment_bytes);
    if (sendmsg(generator->fd, &header, 0) < 0)
        generator->failed += (uint64_t)count;
}

static void send_single(generator *generator, int count)
{
    const bench_endpoints *to = &generator->traffic->to;
    uint64_t first = generator->sequence - (uint64_t)count;
    struct mmsghdr messages[BATCH_DATAGRAMS];
    struct iovec vectors[BATCH_DATAGRAMS];
    struct sockaddr_in names[BATCH_DATAGRAMS];
    for (int index = 0; index < count; index++) {
        names[index] = bench_endpoint(to, (int)((first + (uint64_t)index) % to->count));
        vectors[index] = (struct iovec){generator->payloads[index], (size_t)generator->traffic->size};
        messages[index].msg_hdr =
            (struct msghdr){&names[index], sizeof names[index], &vectors[index], 1, NULL, 0, 0};
    }
    int sent = sendmmsg(generator->fd, messages, (unsigned int)count, 0);
    generator->failed += (uint64_t)(count - (sent < 0 ? 0 : sent));
}

static void send_burst(generator *generator, int count)
{
    stamp(generator, count);
    if (generator->traffic->segments && generator->traffic->to.count == 1 && count > 1)
        send_segments(generator, count);
    else
        send_single(generator, count);
}

static int burst_max(const bench_traffic *traffic)
{
    int fitting = traffic->segments ? BURST_BYTES_MAX / traffic->size : BATCH_DATAGRAMS;
    return fitting < BATCH_DATAGRAMS ? fitting : BATCH_DATAGRAMS;
}

// Lets the receiver, which may be on the same processor, run meanwhile.
static void wait_until(int64_t when)
{
    int64_t left = when - bench_clock(CLOCK_MONOTONIC);
    if (left > 2 * SLEEP_ERROR_NANOSECONDS) {
        struct timespec pause = {0, left - SLEEP_ERROR_NANOSECONDS};
        if (pause.tv_nsec >= 1000000000)
            pause = (struct timespec){1, 0};
        nanosleep(&pause, NULL);
    }
    while (bench_clock(CLOCK_MONOTONIC) < when)
        sched_yield();
}

static void flood(generator *generator, int64_t end)
{
    uint64_t count_max = generator->traffic->count_max;
    int burst = burst_max(generator->traffic);
    while (bench_clock(CLOCK_MONOTONIC) < end &&
           (count_max == 0 || generator->sequence < count_max))
        send_burst(generator, burst);
}

static void pace(generator *generator, int64_t end)
{
    double per_nanosecond = generator->traffic->rate / 1e9;
    int is_even = generator->traffic->rate <= EVEN_RATE_MAX;
    double owed = 1, owed_max = 1 + DEBT_NANOSECONDS * per_nanosecond;
    uint64_t count_max = generator->traffic->count_max;
    int most = burst_max(generator->traffic);
    int64_t last = bench_clock(CLOCK_MONOTONIC);
    while (last < end && (count_max == 0 || generator->sequence < count_max)) {
        int count = is_even ? owed >= 1 : (int)owed;
        for (int left = count; left > 0; left -= most)
            send_burst(generator, left < most ? left : most);
        owed -= count;
        double missing = owed < 1 ? 1 - owed : 0;
        wait_until(last + (is_even ? (int64_t)(missing / per_nanosecond) : BURST_NANOSECONDS));
        int64_t now = bench_clock(CLOCK_MONOTONIC);
        owed += (double)(now - last) * per_nanosecond;
        owed = owed < owed_max ? owed : owed_max;
        last = now;
    }
}

int bench_generate(const bench_traffic *traffic, bench_sent *sent)
{
    if (traffic->size < (int)sizeof(bench_stamp) || traffic->size > BENCH_SIZE_MAX ||
        traffic->to.count < 1 || traffic->to.count > BENCH_ENDPOINTS_MAX)
        return -EINVAL;
    static generator generator;
    generator.traffic = traffic;
    generator.fd = bench_open_outbound(&traffic->to);
    if (generator.fd < 0)
        return generator.fd;
    prctl(PR_SET_TIMERSLACK, 1000);
    int64_t start = bench_clock(CLOCK_MONOTONIC);
    int64_t end = start + (int64_t)(traffic->seconds * 1e9);
    int64_t cpu = bench_thread_cpu_nanoseconds();
    if (traffic->rate > 0)
        pace(&generator, end);
    else
        flood(&generator, end);
    *sent = (bench_sent){
        .sent = generator.sequence - generator.failed,
        .failed = generator.failed,
        .seconds = (double)(bench_clock(CLOCK_MONOTONIC) - start) / 1e9,
        .cpu_nanoseconds = bench_thread_cpu_nanoseconds() - cpu,
    };
    close(generator.fd);
    return 0;
}
