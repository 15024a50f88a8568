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

    /// What the table knows of a datagram.
    struct Sighting {
        /// Whether it was relayed before and came back.
        let isReturning: Bool
        fileprivate let entry: Entry
        fileprivate let place: Int
    }

    fileprivate struct Entry {
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
    private var table: Table?

    /// 0–60 000 milliseconds; 0 = off. An entry lives up to two ticks longer.
    init(lifetimeMilliseconds: Int) {
        let nanoseconds = Int64(lifetimeMilliseconds) * 1_000_000
        lifetimeTicks =
            nanoseconds == 0 ? 0 : UInt32(nanoseconds >> Self.tickShift) + 1
    }

    /// Works out the digests of the datagrams of a mask, for `sight`. The places in the table are
    /// looked at here, so that their cache lines come all at once and not one after the other.
    mutating func prepare(
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        _ digests: inout InlineArray<64, UInt64>
    ) {
        let table = allocatedTable()
        var (rest, sum) = (mask, UInt32(0))
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let digest = max(PayloadHash.digest(batch.payload(index)), 1)
            digests[index] = digest
            sum &+= table.entries[Table.bucket(of: digest)].at
        }
        table.looked = sum
    }

    /// What is known of a datagram with this digest.
    ///
    /// - Parameters:
    ///   - refusesRepeats: take repetitions of the same source for returning ones too: where
    ///     relays preserve sources, the source does not tell. One passes per lifetime.
    ///   - now: monotonic nanoseconds.
    @inline(__always)
    func sight(
        _ digest: UInt64,
        _ datagram: ReceivedDatagram,
        _ refusesRepeats: Bool,
        at now: Int64
    ) -> Sighting? {
        let source = UInt32(truncatingIfNeeded: datagram.sourceKey >> 32)
        return sight(digest, from: source, refusesRepeats, at: now)
    }

    /// Remembers a datagram that is relayed, right after it was sighted.
    @inline(__always)
    func remember(_ sighting: Sighting) { table?.entries[sighting.place] = sighting.entry }

    /// Whether a payload by itself was relayed before and came back; if not, it is remembered. For
    /// tests.
    mutating func isReturning(
        _ payload: Span<UInt8>,
        from source: Endpoint,
        refusesRepeats: Bool,
        at now: Int64
    ) -> Bool {
        _ = allocatedTable()
        let digest = max(PayloadHash.digest(payload), 1)
        let source = UInt32(truncatingIfNeeded: PayloadHash.of(source))
        guard let sighting = sight(digest, from: source, refusesRepeats, at: now) else {
            return false
        }
        if !sighting.isReturning { remember(sighting) }
        return sighting.isReturning
    }

    @inline(__always)
    private func sight(
        _ digest: UInt64,
        from source: UInt32,
        _ refusesRepeats: Bool,
        at now: Int64
    ) -> Sighting? {
        guard lifetimeTicks > 0, let table else { return nil }
        let tick = UInt32(truncatingIfNeeded: now &>> Self.tickShift)
        let place = table.place(of: digest, at: tick)
        let known = table.entries[place]
        let isReturning =
            known.digest == digest && tick &- known.at <= lifetimeTicks
            && (known.source != source || refusesRepeats)
        let entry = Entry(digest: digest, source: source, at: tick)
        return Sighting(isReturning: isReturning, entry: entry, place: place)
    }

    private mutating func allocatedTable() -> Table {
        if let table { return table }
        let table = Table()
        self.table = table
        return table
    }
}

// MARK: - The table

extension LoopGuard {
    private final class Table {
        /// Buckets of a cache line each.
        let entries = FixedBuffer(repeating: Entry(), count: entriesMax)
        /// What keeps the compiler from leaving out that somebody looked.
        var looked: UInt32 = 0

        /// The first place that a digest can be in.
        @inline(__always)
        static func bucket(of digest: UInt64) -> Int {
            Int(digest &>> 32) & (entriesMax - bucketEntries)
        }

        /// Where the digest is, or else what it may overwrite: an empty place or the oldest entry.
        @inline(__always)
        func place(of digest: UInt64, at tick: UInt32) -> Int {
            let first = Self.bucket(of: digest)
            var (oldest, oldestAge) = (first, UInt32(0))
            for place in first..<first + bucketEntries {
                let entry = entries[place]
                if entry.digest == digest { return place }
                let age = entry.digest == 0 ? .max : tick &- entry.at
                if age > oldestAge { (oldest, oldestAge) = (place, age) }
            }
            return oldest
        }
    }
}
