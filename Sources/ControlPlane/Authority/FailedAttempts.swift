import HTTPHosting
import RelayModel

/// How long the answer to a wrong token is held back: longer each time, for each place that wrong
/// tokens come from. The right token is never held back.
struct FailedAttempts: Sendable {
    /// Places remembered; the one that was silent longest makes room.
    static let placesMax = 1024
    /// Nanoseconds without a wrong token after which a place is forgotten.
    static let forgottenAfterNanoseconds: Int64 = 60_000_000_000
    /// The delay of the first failure and of the fifth and all after it.
    static let delayMillisecondsRange = 250...4000

    private struct Record {
        var count: Int
        var lastAt: Int64
    }

    private var records: [String: Record] = [:]

    /// Notes a failure; the result is how many milliseconds its answer is held back.
    mutating func delayMilliseconds(afterFailureOf peer: Peer, at now: Int64) -> Int {
        let place = Self.place(of: peer)
        var record = records[place] ?? Record(count: 0, lastAt: now)
        if now - record.lastAt >= Self.forgottenAfterNanoseconds { record.count = 0 }
        if records[place] == nil { makeRoom() }
        record.lastAt = now
        let delay = Self.delayMillisecondsRange.lowerBound << min(record.count, 10)
        record.count += 1
        records[place] = record
        return min(delay, Self.delayMillisecondsRange.upperBound)
    }

    /// Where a peer is: its user, its address, or its /64 network, of which one host has all.
    static func place(of peer: Peer) -> String {
        if let credentials = peer.credentials { return "uid \(credentials.userID)" }
        guard let text = peer.address, let address = IPAddress(text) else { return "unknown" }
        guard address.family == .ipv6 else { return text }
        return "\(IPAddress(ipv6High: address.high, low: 0))/64"
    }

    private mutating func makeRoom() {
        guard records.count >= Self.placesMax,
            let oldest = records.min(by: { $0.value.lastAt < $1.value.lastAt })
        else { return }
        records[oldest.key] = nil
    }
}
