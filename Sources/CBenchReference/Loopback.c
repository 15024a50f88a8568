#include "Sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SINK_BUFFER_BYTES (8 * 1024 * 1024)

struct bench_loopback {
    int sender;
    int sinks[BENCH_ENDPOINTS_MAX];
    int sink_count;
    uint64_t sequence;
    struct mmsghdr messages[BATCH_DATAGRAMS];
    struct iovec vectors[BATCH_DATAGRAMS];
    uint8_t payloads[BATCH_DATAGRAMS][BENCH_SIZE_MAX];
};

bench_loopback *bench_loopback_open(uint16_t sink_port, int sink_count)
{
    bench_loopback *loopback = calloc(1, sizeof *loopback);
    if (loopback == NULL)
        return NULL;
    bench_endpoints sinks = {INADDR_LOOPBACK, sink_port, (uint16_t)sink_count, 0};
    int result = loopback->sender = bench_open_outbound(&sinks);
    while (result >= 0 && loopback->sink_count < sink_count) {
        result = bench_open_inbound(&sinks, loopback->sink_count, SINK_BUFFER_BYTES);
        if (result >= 0)
            loopback->sinks[loopback->sink_count++] = result;
    }
    if (result >= 0)
        return loopback;
    bench_loopback_close(loopback);
    errno = -result;
    return NULL;
}

void bench_loopback_close(bench_loopback *loopback)
{
    for (int index = 0; index < loopback->sink_count; index++)
        close(loopback->sinks[index]);
    if (loopback->sender >= 0)
        close(loopback->sender);
    free(loopback);
}

int bench_loopback_fill(bench_loopback *loopback, uint16_t port, int count, int size)
{
    if (size < (int)sizeof(bench_stamp) || size > BENCH_SIZE_MAX)
        return -EINVAL;
    bench_endpoints to = {INADDR_LOOPBACK, port, 1, 0};
    struct sockaddr_in name = bench_endpoint(&to, 0);
    for (int done = 0; done < count;) {
        int part = count - done < BATCH_DATAGRAMS ? count - done : BATCH_DATAGRAMS;
        for (int index = 0; index < part; index++) {
            bench_stamp stamp = {loopback->sequence++, 0};
            memcpy(loopback->payloads[index], &stamp, sizeof stamp);
            loopback->vectors[index] = (struct iovec){loopback->payloads[index], (size_t)size};
            loopback->messages[index].msg_hdr = (struct msghdr){
                &name, sizeof name, &loopback->vectors[index], 1, NULL, 0, 0};
        }
        int sent = sendmmsg(loopback->sender, loopback->messages, (unsigned int)part, 0);
        if (sent <= 0)
            return -errno;
        done += sent;
    }
    return count;
}

int bench_loopback_empty(bench_loopback *loopback)
{
    uint8_t byte[BATCH_DATAGRAMS];
    for (int index = 0; index < BATCH_DATAGRAMS; index++) {
        loopback->vectors[index] = (struct iovec){&byte[index], 1};
        loopback->messages[index].msg_hdr =
            (struct msghdr){.msg_iov = &loopback->vectors[index], .msg_iovlen = 1};
    }
    int total = 0, count;
    for (int index = 0; index < loopback->sink_count; index++)
        while ((count = recvmmsg(loopback->sinks[index], loopback->messages, BATCH_DATAGRAMS,
                                 MSG_DONTWAIT | MSG_TRUNC, NULL)) > 0)
            total += count;
    return total;
}
