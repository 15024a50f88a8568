import RelayModel

/// Recognises the copies of its own datagrams that a peer receives back.
///
/// A looped copy carries our address and port, but so do the datagrams of another peer on the same
/// host and port. So each sent datagram leaves a hash of its payload and destination, which the
/// copy uses up. A copy comes at once; what has not come in `lifetimeNanoseconds` will not come.
///
/// The datagrams of others are told apart by a sample of their bytes, so that a peer that is
/// flooded by another one neither hashes nor searches: entries with equal samples are lists.
struct OwnDatagrams {
    /// Sent datagrams remembered at first: a request's worth.
    static let entriesMin = 1024
    /// Sent datagrams remembered where copies come, 128 KiB of them: what twenty flooded sessions
    /// relay in their turns, before the copies have theirs.
    static let entriesMax = 4096
    private static let bucketCount = 1024
    static let lifetimeNanoseconds: Int64 = 2_000_000_000
    /// The end of a list.
    private static let none: Int16 = -1

    private struct Entry {
        var sample: UInt64 = 0
        var hash: UInt64 = 0
        /// `.min` = used up, and in no list.
        var at: Int64 = .min
        var following = OwnDatagrams.none
    }

    /// A list of entries, oldest first.
    private struct Bucket {
        var first = OwnDatagrams.none
        var last = OwnDatagrams.none
    }

    /// A ring: the oldest entry is overwritten, which is the first of its bucket.
    private var entries: [Entry] = []
    private var buckets: [Bucket] = []
    private var next = 0
    private var pending = 0
    /// Whether a copy has ever come; where none do, remembering more of them is for nothing.
    private var hasCopies = false
    private var lastSentAt: Int64 = .min

    /// Remembers a datagram that was sent; times are monotonic nanoseconds.
    mutating func noteSent(_ payload: Span<UInt8>, to destination: IPAddress, at now: Int64) {
        if entries.isEmpty {
            entries = Array(repeating: Entry(), count: Self.entriesMin)
            buckets = Array(repeating: Bucket(), count: Self.bucketCount)
        }
        let isWaiting = hasCopies && entries[next].at >= now - Self.lifetimeNanoseconds
        if isWaiting && entries.count < Self.entriesMax { grow() }
        if entries[next].at != .min { removeFirst(of: Self.bucket(of: entries[next].sample)) }
        let sample = Self.sample(payload, destination)
        entries[next] = Entry(sample: sample, hash: Self.hash(payload, destination), at: now)
        append(Int16(next), to: Self.bucket(of: sample))
        next = (next + 1) % entries.count
        lastSentAt = now
    }

    /// Whether this is the copy of a datagram that was sent and has not come back yet.
    mutating func takeCopy(
        _ payload: Span<UInt8>,
        to destination: IPAddress,
        at now: Int64
    ) -> Bool {
        let earliest = now - Self.lifetimeNanoseconds
        guard pending > 0, lastSentAt >= earliest else { return false }
        let sample = Self.sample(payload, destination)
        let bucket = Self.bucket(of: sample)
        removeExpired(of: bucket, before: earliest)
        var hash: UInt64?
        var (previous, index) = (Self.none, buckets[bucket].first)
        while index != Self.none {
            if entries[Int(index)].sample == sample {
                let wanted = hash ?? Self.hash(payload, destination)
                hash = wanted
                if entries[Int(index)].hash == wanted {
                    remove(index, after: previous, of: bucket)
                    hasCopies = true
                    return true
                }
            }
            (previous, index) = (index, entries[Int(index)].following)
        }
        return false
    }

    // MARK: - Lists

    /// Doubles the ring; its oldest entry becomes the first one.
    private mutating func grow() {
        let (old, first) = (entries, next)
        func moved(_ index: Int16) -> Int16 {
            index == Self.none ? index : Int16((Int(index) - first + old.count) % old.count)
        }
        entries = Array(repeating: Entry(), count: 2 * old.count)
        for index in old.indices {
            var entry = old[index]
            entry.following = moved(entry.following)
            entries[Int(moved(Int16(index)))] = entry
        }
        for bucket in buckets.indices {
            buckets[bucket].first = moved(buckets[bucket].first)
            buckets[bucket].last = moved(buckets[bucket].last)
        }
        next = old.count
    }

    private mutating func append(_ index: Int16, to bucket: Int) {
        let last = buckets[bucket].last
        if last == Self.none {
            buckets[bucket].first = index
        } else {
            entries[Int(last)].following = index
        }
        buckets[bucket].last = index
        pending += 1
    }

    private mutating func removeExpired(of bucket: Int, before earliest: Int64) {
        while buckets[bucket].first != Self.none,
            entries[Int(buckets[bucket].first)].at < earliest
        { removeFirst(of: bucket) }
    }

    private mutating func removeFirst(of bucket: Int) {
        remove(buckets[bucket].first, after: Self.none, of: bucket)
    }

    private mutating func remove(_ index: Int16, after previous: Int16, of bucket: Int) {
        let following = entries[Int(index)].following
        if previous == Self.none {
            buckets[bucket].first = following
        } else {
            entries[Int(previous)].following = following
        }
        if buckets[bucket].last == index { buckets[bucket].last = previous }
        entries[Int(index)].at = .min
        pending -= 1
    }

    private static func bucket(of sample: UInt64) -> Int {
        // Fibonacci hashing: the upper bits of the product depend on all bits.
        Int(truncatingIfNeeded: (sample &* 0x9E37_79B9_7F4A_7C15) >> 54)
    }

    // MARK: - Keys

    /// The ends of the payload, its length and its destination, in a few nanoseconds.
    private static func sample(_ payload: Span<UInt8>, _ destination: IPAddress) -> UInt64 {
        let (first, last) = payload.ends
        return first ^ (last &* 0xC2B2_AE3D_27D4_EB4F) ^ UInt64(payload.count) &<< 48
            ^ destination.low ^ destination.high &<< 1
    }

    private static func hash(_ payload: Span<UInt8>, _ destination: IPAddress) -> UInt64 {
        PayloadHash.whole(payload) ^ PayloadHash.of(Endpoint(destination, port: 0))
    }
}
