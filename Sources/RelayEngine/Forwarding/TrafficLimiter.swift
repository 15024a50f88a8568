import RelayModel

/// Holds the datagrams of a session or target to its limits: what passes takes from the bucket of
/// datagrams and from the one of bytes, what does not pass takes from neither.
///
/// A datagram may be longer than the bucket of bytes holds, and passes while there is anything in
/// it; what it takes beyond that is a debt, which time pays back before the next one passes. So the
/// rate is right for datagrams of every size, and never more than one datagram is ahead of it.
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
                capacityMin: 0,
                at: now
            )
        }
    }

    /// Whether `take` would let a datagram of so many payload bytes pass now.
    mutating func has(bytes count: Int, at now: Int64) -> Bool {
        datagrams?.refill(at: now)
        bytes?.refill(at: now)
        return datagrams?.has(1) ?? true && (count == 0 || bytes?.hasAny ?? true)
    }

    /// Whether a datagram of so many payload bytes may pass now.
    mutating func take(bytes count: Int, at now: Int64) -> Bool {
        guard has(bytes: count, at: now) else { return false }
        datagrams?.remove(1)
        bytes?.remove(count)
        return true
    }

    /// How long until a datagram of so many bytes may pass; 0 = now.
    mutating func nanosecondsUntil(bytes count: Int, at now: Int64) -> Int64 {
        datagrams?.refill(at: now)
        bytes?.refill(at: now)
        let untilBytes = count == 0 ? 0 : bytes?.nanosecondsUntilAny ?? 0
        return max(datagrams?.nanosecondsUntil(1) ?? 0, untilBytes)
    }
}
