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
    /// Sent datagrams remembered: a request's worth.
    static let entriesMax = 1024
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
    private var lastSentAt: Int64 = .min

    /// Remembers a datagram that was sent; times are monotonic nanoseconds.
    mutating func noteSent(_ payload: Span<UInt8>, to destination: IPAddress, at now: Int64) {
        if entries.isEmpty {
            entries = Array(repeating: Entry(), count: Self.entriesMax)
            buckets = Array(repeating: Bucket(), count: Self.entriesMax)
        }
        if entries[next].at != .min { removeFirst(of: Self.bucket(of: entries[next].sample)) }
        let sample = Self.sample(payload, destination)
        entries[next] = Entry(sample: sample, hash: Self.hash(payload, destination), at: now)
        append(Int16(next), to: Self.bucket(of: sample))
        next = (next + 1) % Self.entriesMax
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
                    return true
                }
            }
            (previous, index) = (index, entries[Int(index)].following)
        }
        return false
    }

    // MARK: - Lists

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
