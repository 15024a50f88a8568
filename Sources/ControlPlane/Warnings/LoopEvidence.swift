/// How many of a session's relayed datagrams came back lately, from which follows whether it is
/// warned of a loop.
///
/// The rule is here alone: one return is enough to warn, since it was dropped; it is over when a whole
/// window has seen none.
struct LoopEvidence {
    /// The window, in samples of a second each.
    static let windowSeconds = 10

    /// The counter at the last sample.
    private var total: UInt64 = 0
    /// What each second of the window brought; the oldest is replaced next.
    private var returns = InlineArray<10, UInt64>(repeating: 0)
    private var oldest = 0

    /// Whether there is a loop, as of the last sample.
    private(set) var isLoop = false

    /// Takes the sample of a second.
    ///
    /// - Parameter total: returns since the session was created.
    mutating func sample(_ total: UInt64) {
        returns[oldest] = total - min(self.total, total)
        oldest = (oldest + 1) % Self.windowSeconds
        self.total = total
        isLoop = datagrams > 0
    }

    /// Returns within the window.
    var datagrams: UInt64 {
        var sum: UInt64 = 0
        for index in returns.indices { sum += returns[index] }
        return sum
    }

    /// What a client is told.
    var detail: String {
        "\(datagrams) relayed datagrams came back within \(Self.windowSeconds) seconds: look for "
            + "another relay between the same networks, and take one of them away, name it in "
            + "`relays` of the configuration, or let both use ttlMode decrement"
    }
}
