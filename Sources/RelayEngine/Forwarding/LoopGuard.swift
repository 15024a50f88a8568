import RelayModel

/// Recognises what a session has relayed and another relay sends back.
///
/// Each datagram leaves a digest of its length and both of its ends. Where the same digest comes
/// from another source within the lifetime, it was relayed and returned. From the same source it
/// is the sender's own repetition. Two senders of identical datagrams cannot be told from a loop:
/// only the first one is heard, until it has been silent for the lifetime.
///
/// What returns changes nothing: a loop can neither renew its entry, nor pass before it expires. A
/// loop that takes longer than the lifetime is not recognised.
struct LoopGuard {
    /// Datagrams remembered, 128 KiB of them.
    static let entriesMax = 8192
    /// Places that one digest can be in; the oldest gives way.
    static let bucketEntries = 4

    private struct Entry {
        /// 0 = empty.
        var digest: UInt64 = 0
        var source: UInt32 = 0
        /// In ticks, which wrap after 52 days: an entry as old as that, to the second, counts again.
        var at: UInt32 = 0
    }

    /// A tick is 2^20 ns, about 1.05 ms.
    private static let tickShift: Int64 = 20

    /// 0 = nothing is recognised.
    private let lifetimeTicks: UInt32
    /// Allocated when the first datagram comes.
    private var entries: [Entry] = []

    /// 0–60 000 milliseconds; 0 = off. An entry lives up to two ticks longer.
    init(lifetimeMilliseconds: Int) {
        let nanoseconds = Int64(lifetimeMilliseconds) * 1_000_000
        lifetimeTicks =
            nanoseconds == 0 ? 0 : UInt32(nanoseconds >> Self.tickShift) + 1
    }

    /// Whether the datagram was relayed before and came back; if not, it is remembered.
    ///
    /// - Parameters:
    ///   - refusesRepeats: Take repetitions of the same source for returning ones too: where
    ///     relays preserve sources, the source does not tell. One passes per lifetime.
    ///   - now: Monotonic nanoseconds.
    mutating func isReturning(
        _ payload: Span<UInt8>,
        from source: Endpoint,
        refusesRepeats: Bool,
        at now: Int64
    ) -> Bool {
        if lifetimeTicks == 0 { return false }
        if entries.isEmpty { entries = Array(repeating: Entry(), count: Self.entriesMax) }
        let digest = max(PayloadHash.digest(payload), 1)
        let key = UInt32(truncatingIfNeeded: PayloadHash.of(source))
        let tick = UInt32(truncatingIfNeeded: now &>> Self.tickShift)
        let index = place(of: digest, at: tick)
        let known = entries[index]
        if known.digest == digest, tick &- known.at <= lifetimeTicks,
            known.source != key || refusesRepeats
        {
            return true
        }
        entries[index] = Entry(digest: digest, source: key, at: tick)
        return false
    }

    /// Where the digest is, or else what it may overwrite: an empty place or the oldest entry.
    @inline(__always)
    private func place(of digest: UInt64, at tick: UInt32) -> Int {
        let first = Int(digest &>> 32) & (Self.entriesMax - Self.bucketEntries)
        var oldest = first
        var oldestAge: UInt32 = 0
        for index in first..<first + Self.bucketEntries {
            let entry = entries[index]
            if entry.digest == digest { return index }
            let age = entry.digest == 0 ? .max : tick &- entry.at
            if age > oldestAge { (oldest, oldestAge) = (index, age) }
        }
        return oldest
    }
}
