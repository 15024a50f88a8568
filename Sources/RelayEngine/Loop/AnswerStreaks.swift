import RelayModel

/// Tells who answers from who asks, where bytes cannot: two responders would answer each other for
/// ever.
///
/// A client sends from a port that the kernel has chosen, a responder from the one it listens on. So
/// what comes from such a port right after an answer was sent there may be an answer itself: a few
/// of them are answered, and then none until the port has been silent for a second.
struct AnswerStreaks {
    /// Answers in a row to what may be answers.
    static let answersMax = 3
    /// Ports that are remembered; the one that was answered longest ago gives way.
    static let entriesMax = 64
    private static let pauseNanoseconds: Int64 = 1_000_000_000
    /// Where the kernel's choice of ports begins by default (ip_local_port_range, ip(7)).
    private static let ephemeralPorts: UInt16 = 32_768

    private struct Entry {
        let source: Endpoint
        var answers: Int
        var at: Int64
    }

    private var entries: [Entry] = []

    /// Whether a datagram from this source is to be answered; if so, it is from now on.
    ///
    /// - Parameters:
    ///   - localPort: the port of the session that would answer.
    ///   - now: monotonic nanoseconds.
    mutating func admits(_ source: Endpoint, localPort: UInt16, at now: Int64) -> Bool {
        if source.port >= Self.ephemeralPorts && source.port != localPort { return true }
        guard let index = entries.firstIndex(where: { $0.source == source }) else {
            return remember(source, at: now)
        }
        let isStreak = now - entries[index].at <= Self.pauseNanoseconds
        entries[index].at = now
        if isStreak && entries[index].answers > Self.answersMax { return false }
        entries[index].answers = isStreak ? entries[index].answers + 1 : 1
        return true
    }

    private mutating func remember(_ source: Endpoint, at now: Int64) -> Bool {
        let entry = Entry(source: source, answers: 1, at: now)
        if entries.count < Self.entriesMax {
            entries.append(entry)
        } else if let oldest = entries.indices.min(by: { entries[$0].at < entries[$1].at }) {
            entries[oldest] = entry
        }
        return true
    }
}
