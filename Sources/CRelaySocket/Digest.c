#include "CRelaySocket.h"

#include <string.h>

// Sums that do not wait for each other's multiplications.
#define LANES 8
#define BLOCK_BYTES (16 * LANES)

// Both halves of the product, folded: each bit of the result depends on all bits of both.
static inline uint64_t mix(uint64_t first, uint64_t second)
{
    unsigned __int128 product = (unsigned __int128)first * second;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static inline void absorb(const uint64_t *seeds, uint64_t *sums, const uint8_t *block)
{
    uint64_t words[2 * LANES];
    memcpy(words, block, sizeof words);
    for (int lane = 0; lane < LANES; lane++)
        sums[lane] = mix(words[2 * lane] ^ sums[lane], words[2 * lane + 1] ^ seeds[lane]);
}

uint64_t relay_digest(const uint8_t *bytes, size_t length,
                      const uint64_t seeds[RELAY_DIGEST_SEEDS])
{
    uint64_t sums[LANES];
    for (int lane = 0; lane < LANES; lane++)
        sums[lane] = seeds[RELAY_DIGEST_SEEDS - 1 - lane];
    sums[0] ^= length;
    size_t offset = 0;
    for (; offset + BLOCK_BYTES <= length; offset += BLOCK_BYTES)
        absorb(seeds, sums, bytes + offset);
    if (offset < length) {
        uint8_t padded[BLOCK_BYTES] = {0};
        memcpy(padded, bytes + offset, length - offset);
        absorb(seeds, sums, padded);
    }
    uint64_t pairs[LANES / 2];
    for (int pair = 0; pair < LANES / 2; pair++)
        pairs[pair] = mix(sums[2 * pair] ^ seeds[pair], sums[2 * pair + 1] ^ seeds[pair + 4]);
    return mix(mix(pairs[0], pairs[1]) ^ seeds[0], mix(pairs[2], pairs[3]) ^ seeds[1]);
}
