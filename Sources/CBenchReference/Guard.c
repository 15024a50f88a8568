#include "Digest.h"
#include "Relay.h"

#include <stdlib.h>
#include <string.h>

// As in Relaycast: the tags of a bucket are a cache line.
#define RECORDS_MIN 256
#define RECORDS_MAX 16384
#define BUCKET_RECORDS 8
// Up to these a sample covers all bytes.
#define SAMPLED_BYTES 128
// A tick is 2^20 ns; of a second.
#define TICK_SHIFT 20
#define LIFETIME_TICKS 954
// How many repetitions of a source that was not the first pass at once, and in how many ticks one
// more.
#define REPETITIONS_MAX 1000
#define REPETITION_TICKS 10

// In the source of a mark: whether the content counts, and is not that of an older record.
#define HAS_CONTENT 1u

typedef struct {
    uint32_t at;
    uint32_t first_source;
} mark;

typedef struct {
    uint64_t check; // the digest of all bytes; 0 = not needed so far
    uint32_t other_source;
    uint32_t has_repeated;
} content;

// What is searched is kept apart from what is read only when it was found.
typedef struct {
    uint64_t *tags; // 0 = blank; the block that the others are in, too
    mark *marks;
    content *contents;
    uint32_t count;
} table;

struct loop_guard {
    uint64_t seeds[DIGEST_SEEDS];
    table records;
    uint32_t used;
    uint32_t allowance; // repetitions that may pass
    uint32_t allowance_at;
    uint64_t samples[BATCH_DATAGRAMS];
};

static int make_table(table *made, uint32_t count)
{
    size_t bytes = count * (sizeof *made->tags + sizeof *made->marks + sizeof *made->contents);
    uint8_t *block = aligned_alloc(64, bytes);
    if (block == NULL)
        return 0;
    memset(block, 0, bytes);
    made->tags = (uint64_t *)block;
    made->marks = (mark *)(made->tags + count);
    made->contents = (content *)(made->marks + count);
    made->count = count;
    return 1;
}

struct loop_guard *bench_guard_make(void)
{
    struct loop_guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL)
        return NULL;
    for (int index = 0; index < DIGEST_SEEDS; index++)
        guard->seeds[index] = 0x9e3779b97f4a7c15u * (uint64_t)(index + 1) | 1;
    guard->allowance = REPETITIONS_MAX;
    if (make_table(&guard->records, RECORDS_MIN))
        return guard;
    free(guard);
    return NULL;
}

void bench_guard_free(struct loop_guard *guard)
{
    if (guard != NULL)
        free(guard->records.tags);
    free(guard);
}

static inline uint32_t bucket_of(const table *records, uint64_t tag)
{
    return (uint32_t)(tag >> 32) & (records->count - BUCKET_RECORDS);
}

// Where the record with this tag is, or else what it may overwrite: a blank or the oldest one.
static inline uint32_t place_of(const table *records, uint64_t tag, uint32_t tick)
{
    uint32_t first = bucket_of(records, tag), oldest = first, oldest_age = 0;
    for (uint32_t place = first; place < first + BUCKET_RECORDS; place++)
        if (records->tags[place] == tag)
            return place;
    for (uint32_t place = first; place < first + BUCKET_RECORDS; place++) {
        uint32_t age = records->tags[place] == 0 ? UINT32_MAX : tick - records->marks[place].at;
        if (age > oldest_age) {
            oldest_age = age;
            oldest = place;
        }
    }
    return oldest;
}

static inline int is_live(const table *records, uint32_t place, uint32_t tick)
{
    return records->tags[place] != 0 && tick - records->marks[place].at <= LIFETIME_TICKS;
}

static inline void write_record(struct loop_guard *guard, uint32_t place, uint64_t tag,
                                mark written)
{
    table *records = &guard->records;
    guard->used += records->tags[place] == 0;
    records->tags[place] = tag;
    records->marks[place] = written;
}

// Makes the table as large as what lives needs; without memory for that it stays as it is.
static void resize(struct loop_guard *guard, uint32_t more, uint32_t tick)
{
    table old = guard->records, next;
    uint32_t live = 0, count = RECORDS_MIN;
    for (uint32_t place = 0; place < old.count; place++)
        live += (uint32_t)is_live(&old, place, tick);
    while (count < RECORDS_MAX && count < 8 * (live + more))
        count *= 2;
    if (!make_table(&next, count))
        return;
    guard->records = next;
    guard->used = 0;
    for (uint32_t place = 0; place < old.count; place++)
        if (is_live(&old, place, tick)) {
            uint32_t new_place = place_of(&next, old.tags[place], tick);
            write_record(guard, new_place, old.tags[place], old.marks[place]);
            next.contents[new_place] = old.contents[place];
        }
    free(old.tags);
}

void bench_guard_prepare(struct loop_guard *guard, const struct iovec *payloads, int count,
                         int64_t now)
{
    const table *records = &guard->records;
    if ((guard->used + (uint32_t)count) * 4 > records->count && records->count < RECORDS_MAX)
        resize(guard, (uint32_t)count, (uint32_t)(now >> TICK_SHIFT));
    for (int index = 0; index < count; index++) {
        const struct iovec *payload = &payloads[index];
        uint64_t sample = sample_of(guard->seeds, payload->iov_base, payload->iov_len);
        guard->samples[index] = sample;
        __builtin_prefetch(&records->tags[bucket_of(records, sample)], 1);
        __builtin_prefetch(&records->marks[bucket_of(records, sample)], 1);
    }
}

static int admits_repetition(struct loop_guard *guard, uint32_t tick)
{
    uint32_t more = (tick - guard->allowance_at) / REPETITION_TICKS;
    guard->allowance_at += more * REPETITION_TICKS;
    guard->allowance = more < REPETITIONS_MAX - guard->allowance ? guard->allowance + more
                                                                 : REPETITIONS_MAX;
    if (guard->allowance == 0)
        return 0;
    guard->allowance--;
    return 1;
}

// A payload whose sample is known comes again. Its first source may repeat it, and others may send
// the same, but only so often the same one.
__attribute__((noinline)) static int arrives_again(struct loop_guard *guard, uint32_t place,
                                                   const struct iovec *payload, uint32_t source,
                                                   uint32_t tick)
{
    mark *found = &guard->records.marks[place];
    content *known = &guard->records.contents[place];
    uint64_t check = guard->records.tags[place];
    if (payload->iov_len > SAMPLED_BYTES)
        check = digest_of(guard->seeds, payload->iov_base, payload->iov_len);
    if (!(found->first_source & HAS_CONTENT))
        *known = (content){0};
    int is_same = known->check == check;
    if ((found->first_source | HAS_CONTENT) == source) {
        if (!is_same)
            known->other_source = 0;
        known->has_repeated = 1;
    } else {
        if (is_same && known->other_source == source && !admits_repetition(guard, tick))
            return 1;
        if (!is_same)
            known->has_repeated = 0;
        known->other_source = source;
    }
    known->check = check;
    found->first_source |= HAS_CONTENT;
    found->at = tick;
    return 0;
}

int bench_guard_circles(struct loop_guard *guard, int index, const struct iovec *payload,
                        const struct sockaddr_in *source, int64_t now)
{
    uint64_t tag = guard->samples[index];
    uint32_t tick = (uint32_t)(now >> TICK_SHIFT);
    uint32_t key = (uint32_t)source_hash(guard->seeds, source) | HAS_CONTENT;
    uint32_t place = place_of(&guard->records, tag, tick);
    const table *records = &guard->records;
    if (records->tags[place] == tag && tick - records->marks[place].at <= LIFETIME_TICKS)
        return arrives_again(guard, place, payload, key, tick);
    write_record(guard, place, tag, (mark){.at = tick, .first_source = key & ~HAS_CONTENT});
    return 0;
}
