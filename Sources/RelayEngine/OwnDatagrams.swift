import RelayModel

/// Recognises the copies of its own datagrams that a peer receives back.
///
/// A looped copy carries our address and port, but so do the datagrams of another peer on the same
/// host and port. So each sent datagram leaves a hash of its payload and destination, which the
/// copy uses up. A copy comes at once; what has not come in `lifetimeNanoseconds` will not come.
struct OwnDatagrams {
    /// Sent datagrams remembered: a request's worth.
    static let entriesMax = 1024
    static let lifetimeNanoseconds: Int64 = 2_000_000_000

    private struct Entry {
        var hash = 0
        var at: Int64 = .min
    }

    private var entries: [Entry] = []
    private var next = 0
    private var pending = 0
    private var lastSentAt: Int64 = .min

    /// Remembers a datagram that was sent; times are monotonic nanoseconds.
    mutating func noteSent(_ payload: Span<UInt8>, to destination: IPAddress, at now: Int64) {
        if entries.isEmpty { entries = Array(repeating: Entry(), count: Self.entriesMax) }
        if entries[next].at == .min { pending += 1 }
        entries[next] = Entry(hash: Self.hash(payload, destination), at: now)
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
        let hash = Self.hash(payload, destination)
        for index in entries.indices
        where entries[index].hash == hash && entries[index].at >= earliest {
            entries[index].at = .min
            pending -= 1
            return true
        }
        return false
    }

    private static func hash(_ payload: Span<UInt8>, _ destination: IPAddress) -> Int {
        var hasher = Hasher()
        hasher.combine(destination)
        hasher.combine(payload.count)
        hasher.combine(payload)
        return hasher.finalize()
    }
}
