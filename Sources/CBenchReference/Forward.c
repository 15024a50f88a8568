#include "Relay.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

// One payload of UDP_SEGMENT: RFC 768's limit, the kernel's, and an Ethernet's MTU less headers.
#define GATHERED_BYTES_MAX 65507
#define SEGMENTS_MAX 64
#define SEGMENT_BYTES_MAX 1472

static void count_sent(bench_relay *relay, int result, int wanted)
{
    int sent = result < 0 ? 0 : result;
    relay->counts.forwarded += (uint64_t)sent;
    relay->counts.failed += (uint64_t)(wanted - sent);
}

static void targets_of(const bench_relay *relay, int index, int *first, int *end)
{
    int is_fan_out = relay->options.inbound.count == 1;
    *first = is_fan_out ? 0 : index;
    *end = is_fan_out ? relay->target_count : index + 1;
}

void bench_forward_batch(bench_relay *relay, int index, int count)
{
    struct mmsghdr messages[BATCH_DATAGRAMS];
    struct iovec vectors[BATCH_DATAGRAMS];
    int first, end;
    targets_of(relay, index, &first, &end);
    for (int target = first; target < end; target++) {
        for (int slot = 0; slot < count; slot++) {
            vectors[slot].iov_base = relay->vectors[slot].iov_base;
            vectors[slot].iov_len = relay->messages[slot].msg_len;
            messages[slot].msg_hdr = (struct msghdr){
                .msg_name = &relay->targets[target],
                .msg_namelen = sizeof relay->targets[target],
                .msg_iov = &vectors[slot],
                .msg_iovlen = 1,
            };
        }
        count_sent(relay, sendmmsg(relay->outbound, messages, (unsigned int)count, 0), count);
    }
}

// How many slots from `first` on may leave as one: equal sizes, of which the last may be shorter.
static int run_length(const struct iovec *vectors, int first, int count)
{
    size_t size = vectors[first].iov_len, total = size;
    if (size == 0 || size > SEGMENT_BYTES_MAX)
        return 1;
    int length = 1;
    while (first + length < count && length < SEGMENTS_MAX) {
        size_t next = vectors[first + length].iov_len;
        if (next == 0 || next > size || total + next > GATHERED_BYTES_MAX)
            break;
        total += next;
        length++;
        if (next < size)
            break;
    }
    return length;
}

int bench_whole_batch(size_t size)
{
    int fitting = size == 0 ? BATCH_DATAGRAMS : (int)(GATHERED_BYTES_MAX / size);
    if (size > SEGMENT_BYTES_MAX || fitting >= BATCH_DATAGRAMS)
        return BATCH_DATAGRAMS;
    return BATCH_DATAGRAMS - BATCH_DATAGRAMS % fitting;
}

static void send_run(bench_relay *relay, struct sockaddr_in *target, struct iovec *vectors,
                     int length)
{
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
    struct msghdr header = {
        .msg_name = target,
        .msg_namelen = sizeof *target,
        .msg_iov = vectors,
        .msg_iovlen = (size_t)length,
    };
    if (length > 1) {
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        struct cmsghdr *segment = CMSG_FIRSTHDR(&header);
        segment->cmsg_level = SOL_UDP;
        segment->cmsg_type = UDP_SEGMENT;
        segment->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t size = (uint16_t)vectors[0].iov_len;
        memcpy(CMSG_DATA(segment), &size, sizeof size);
    }
    count_sent(relay, sendmsg(relay->outbound, &header, 0) < 0 ? 0 : length, length);
}

void bench_forward_gather(bench_relay *relay, int index, int count)
{
    struct iovec vectors[BATCH_DATAGRAMS];
    for (int slot = 0; slot < count; slot++) {
        vectors[slot].iov_base = relay->vectors[slot].iov_base;
        vectors[slot].iov_len = relay->messages[slot].msg_len;
    }
    int target, end;
    for (targets_of(relay, index, &target, &end); target < end; target++) {
        for (int slot = 0, length; slot < count; slot += length) {
            length = run_length(vectors, slot, count);
            send_run(relay, &relay->targets[target], vectors + slot, length);
        }
    }
}
