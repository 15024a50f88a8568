import RelayModel

/// Holds the datagrams of a session or target to its limits: what passes takes from the bucket of
/// datagrams and from the one of bytes, what does not pass takes from neither.
struct TrafficLimiter {
    private var datagrams: TokenBucket?
    private var bytes: TokenBucket?

    /// The buckets start full. Times are monotonic nanoseconds.
    init(_ limits: TrafficLimits, at now: Int64) {
        datagrams = limits.datagramsPerSecond.map {
            TokenBucket(perSecond: $0, burstMilliseconds: limits.burstMilliseconds, at: now)
        }
        bytes = limits.bytesPerSecond.map {
            TokenBucket(
                perSecond: $0,
                burstMilliseconds: limits.burstMilliseconds,
                capacityMin: Self.datagramBytesMax,
                at: now
            )
        }
    }

    /// The largest UDP payload of either family (IPv6: 65 535 less the header of UDP), which passes
    /// a full bucket at any rate.
    static let datagramBytesMax = 65_527

    /// Whether `take` would let a datagram of so many payload bytes pass now.
    mutating func has(bytes count: Int, at now: Int64) -> Bool {
        datagrams?.refill(at: now)
        bytes?.refill(at: now)
        return datagrams?.has(1) ?? true && bytes?.has(count) ?? true
    }

    /// Whether a datagram of so many payload bytes may pass now.
    mutating func take(bytes count: Int, at now: Int64) -> Bool {
        datagrams?.refill(at: now)
        bytes?.refill(at: now)
        guard datagrams?.has(1) ?? true, bytes?.has(count) ?? true else { return false }
        datagrams?.remove(1)
        bytes?.remove(count)
        return true
    }

    /// How long until a datagram of so many bytes, at most `datagramBytesMax`, may pass; 0 = now.
    mutating func nanosecondsUntil(bytes count: Int, at now: Int64) -> Int64 {
        datagrams?.refill(at: now)
        bytes?.refill(at: now)
        let waits = (datagrams?.nanosecondsUntil(1) ?? 0, bytes?.nanosecondsUntil(count) ?? 0)
        return max(waits.0, waits.1)
    }
}
