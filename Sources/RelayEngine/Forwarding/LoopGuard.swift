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
    /// Of the batch at hand.
    private var digests = InlineArray<64, UInt64>(repeating: 0)
    /// What keeps the compiler from leaving out that `prepare` looks.
    private var looked: UInt32 = 0

    /// 0–60 000 milliseconds; 0 = off. An entry lives up to two ticks longer.
    init(lifetimeMilliseconds: Int) {
        let nanoseconds = Int64(lifetimeMilliseconds) * 1_000_000
        lifetimeTicks =
            nanoseconds == 0 ? 0 : UInt32(nanoseconds >> Self.tickShift) + 1
    }

    /// Works out the digests of the datagrams of a mask, for `isReturning`. The places in the table
    /// are looked at here, so that their cache lines come all at once and not one after the other.
    mutating func prepare(_ batch: borrowing ReceiveBatch, _ mask: UInt64) {
        if entries.isEmpty { entries = Array(repeating: Entry(), count: Self.entriesMax) }
        var (rest, sum) = (mask, UInt32(0))
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let digest = max(PayloadHash.digest(batch.payload(index)), 1)
            digests[index] = digest
            sum &+= entries[Self.bucket(of: digest)].at
        }
        looked = sum
    }

    /// Whether a datagram was relayed before and came back.
    ///
    /// - Parameters:
    ///   - index: its index in the batch, whose digests were prepared.
    ///   - refusesRepeats: take repetitions of the same source for returning ones too: where
    ///     relays preserve sources, the source does not tell. One passes per lifetime.
    ///   - now: monotonic nanoseconds.
    @inline(__always)
    func isReturning(
        _ index: Int,
        _ datagram: ReceivedDatagram,
        _ refusesRepeats: Bool,
        at now: Int64
    ) -> Bool {
        isReturning(digests[index], from: Self.key(of: datagram), refusesRepeats, at: now)
    }

    /// Remembers a datagram that is relayed.
    @inline(__always)
    mutating func remember(_ index: Int, _ datagram: ReceivedDatagram, at now: Int64) {
        remember(digests[index], from: Self.key(of: datagram), at: now)
    }

    @inline(__always)
    private static func key(of datagram: ReceivedDatagram) -> UInt32 {
        UInt32(truncatingIfNeeded: datagram.sourceKey >> 32)
    }

    /// The same for a payload by itself; what does not return is remembered.
    mutating func isReturning(
        _ payload: Span<UInt8>,
        from source: Endpoint,
        refusesRepeats: Bool,
        at now: Int64
    ) -> Bool {
        if entries.isEmpty { entries = Array(repeating: Entry(), count: Self.entriesMax) }
        let digest = max(PayloadHash.digest(payload), 1)
        let key = UInt32(truncatingIfNeeded: PayloadHash.of(source))
        if isReturning(digest, from: key, refusesRepeats, at: now) { return true }
        remember(digest, from: key, at: now)
        return false
    }

    private func isReturning(
        _ digest: UInt64,
        from key: UInt32,
        _ refusesRepeats: Bool,
        at now: Int64
    ) -> Bool {
        if lifetimeTicks == 0 { return false }
        let tick = Self.tick(at: now)
        let known = entries[place(of: digest, at: tick)]
        return known.digest == digest && tick &- known.at <= lifetimeTicks
            && (known.source != key || refusesRepeats)
    }

    private mutating func remember(_ digest: UInt64, from key: UInt32, at now: Int64) {
        if lifetimeTicks == 0 { return }
        let tick = Self.tick(at: now)
        entries[place(of: digest, at: tick)] = Entry(digest: digest, source: key, at: tick)
    }

    @inline(__always)
    private static func tick(at now: Int64) -> UInt32 {
        UInt32(truncatingIfNeeded: now &>> tickShift)
    }

    /// The first place that a digest can be in.
    @inline(__always)
    private static func bucket(of digest: UInt64) -> Int {
        Int(digest &>> 32) & (entriesMax - bucketEntries)
    }

    /// Where the digest is, or else what it may overwrite: an empty place or the oldest entry.
    @inline(__always)
    private func place(of digest: UInt64, at tick: UInt32) -> Int {
        let first = Self.bucket(of: digest)
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
