// Keyed hashes of payloads and sources, in a header so that the compiler inlines them.
#ifndef RELAYCAST_BENCH_DIGEST_H
#define RELAYCAST_BENCH_DIGEST_H

#include "Sockets.h"

#include <string.h>

#define DIGEST_SEEDS 8
#define END_BYTES 64
#define LANES 8
#define BLOCK_BYTES (16 * LANES)

// Both halves of the product, folded.
static inline uint64_t mix(uint64_t first, uint64_t second)
{
    unsigned __int128 product = (unsigned __int128)first * second;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static inline void mix_block(const uint64_t *seeds, uint64_t *sums, const uint8_t *bytes, int lanes)
{
    for (int lane = 0; lane < lanes; lane++) {
        uint64_t words[2];
        memcpy(words, bytes + 16 * lane, sizeof words);
        sums[lane] = mix(words[0] ^ sums[lane], words[1] ^ seeds[lane]);
    }
}

// Of the length and 64 bytes at each end; not 0.
static inline uint64_t sample_of(const uint64_t *seeds, const uint8_t *bytes, size_t length)
{
    uint64_t sums[4] = {seeds[1], seeds[2], seeds[3], seeds[4] ^ length};
    if (length > END_BYTES)
        mix_block(seeds, sums, bytes, 4);
    if (length >= END_BYTES) {
        mix_block(seeds, sums, bytes + length - END_BYTES, 4);
    } else {
        uint8_t padded[END_BYTES] = {0};
        memcpy(padded, bytes, length);
        mix_block(seeds, sums, padded, 4);
    }
    uint64_t left = mix(sums[0] ^ seeds[4], sums[1]), right = mix(sums[2] ^ seeds[0], sums[3]);
    uint64_t value = mix(left ^ seeds[1], right ^ seeds[2]);
    return value != 0 ? value : 1;
}

// Of the length and all bytes; not 0.
static inline uint64_t digest_of(const uint64_t *seeds, const uint8_t *bytes, size_t length)
{
    uint64_t sums[LANES];
    for (int lane = 0; lane < LANES; lane++)
        sums[lane] = seeds[DIGEST_SEEDS - 1 - lane];
    sums[0] ^= length;
    size_t offset = 0;
    for (; offset + BLOCK_BYTES <= length; offset += BLOCK_BYTES)
        mix_block(seeds, sums, bytes + offset, LANES);
    if (offset < length) {
        uint8_t padded[BLOCK_BYTES] = {0};
        memcpy(padded, bytes + offset, length - offset);
        mix_block(seeds, sums, padded, LANES);
    }
    uint64_t value = seeds[0];
    for (int lane = 0; lane < LANES; lane += 2)
        value = mix(value ^ sums[lane], sums[lane + 1] ^ seeds[lane]);
    return value != 0 ? value : 1;
}

static inline uint64_t source_hash(const uint64_t *seeds, const struct sockaddr_in *source)
{
    return mix(source->sin_addr.s_addr ^ seeds[0], source->sin_port ^ seeds[3]);
}

#endif
