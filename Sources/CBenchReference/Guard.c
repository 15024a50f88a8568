#include "Relay.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

// As in Relaycast: digests of both ends of a payload, four places for each.
#define ENTRIES 8192
#define PLACES 4
#define END_BYTES 64
// A tick is 2^20 ns.
#define TICK_SHIFT 20
#define LIFETIME_TICKS 954

typedef struct {
    uint64_t digest; // 0 = empty
    uint32_t source;
    uint32_t at;
} entry;

struct loop_guard {
    uint64_t seeds[5];
    entry entries[ENTRIES];
};

struct loop_guard *bench_guard_make(void)
{
    struct loop_guard *guard = calloc(1, sizeof *guard);
    for (int index = 0; guard != NULL && index < 5; index++)
        guard->seeds[index] = 0x9e3779b97f4a7c15u * (uint64_t)(index + 1) | 1;
    return guard;
}

void bench_guard_free(struct loop_guard *guard)
{
    free(guard);
}

// Both halves of the product, folded.
static uint64_t mix(uint64_t first, uint64_t second)
{
    unsigned __int128 product = (unsigned __int128)first * second;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static void mix_end(const uint64_t *seeds, uint64_t *sums, const uint8_t *bytes)
{
    uint64_t words[END_BYTES / 8];
    memcpy(words, bytes, sizeof words);
    for (int lane = 0; lane < 4; lane++)
        sums[lane] = mix(words[2 * lane] ^ sums[lane], words[2 * lane + 1] ^ seeds[lane]);
}

static uint64_t digest(const uint64_t *seeds, const uint8_t *bytes, size_t length)
{
    uint64_t sums[4] = {seeds[1], seeds[2], seeds[3], seeds[4] ^ length};
    if (length > END_BYTES)
        mix_end(seeds, sums, bytes);
    if (length >= END_BYTES) {
        mix_end(seeds, sums, bytes + length - END_BYTES);
    } else {
        uint8_t padded[END_BYTES] = {0};
        memcpy(padded, bytes, length);
        mix_end(seeds, sums, padded);
    }
    uint64_t left = mix(sums[0] ^ seeds[4], sums[1]), right = mix(sums[2] ^ seeds[0], sums[3]);
    uint64_t value = mix(left ^ seeds[1], right ^ seeds[2]);
    return value != 0 ? value : 1;
}

int bench_guard_is_returning(struct loop_guard *guard, const struct iovec *payload,
                             const struct sockaddr_in *source, int64_t now)
{
    uint64_t found = digest(guard->seeds, payload->iov_base, payload->iov_len);
    uint32_t key = (uint32_t)mix(source->sin_addr.s_addr ^ guard->seeds[0],
                                 source->sin_port ^ guard->seeds[3]);
    uint32_t tick = (uint32_t)(now >> TICK_SHIFT), oldest_age = 0;
    entry *bucket = &guard->entries[(found >> 32) & (ENTRIES - PLACES)], *place = bucket;
    for (int index = 0; index < PLACES; index++) {
        if (bucket[index].digest == found) {
            place = &bucket[index];
            break;
        }
        uint32_t age = bucket[index].digest == 0 ? UINT32_MAX : tick - bucket[index].at;
        if (age > oldest_age) {
            oldest_age = age;
            place = &bucket[index];
        }
    }
    if (place->digest == found && tick - place->at <= LIFETIME_TICKS && place->source != key)
        return 1;
    *place = (entry){found, key, tick};
    return 0;
}
