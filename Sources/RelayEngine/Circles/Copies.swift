/// The copies of one payload that a listener expects by one interface.
struct Copies {
    let tag: UInt64
    let check: UInt64
    /// When the lifetime began that the latest were sent in.
    private var at: UInt32
    /// From elsewhere.
    var returning = ExpectedCopies(0)
    /// From a shared socket of this daemon, relayed ones and new ones.
    var heard = ExpectedCopies(0)
    var original = ExpectedCopies(0)
    /// When the first of those arrived that are still expected from elsewhere; nil = unknown, or it
    /// was no datagram that arrived.
    var firstArrival: ArrivalTime?
    /// Where those went that are still expected.
    private(set) var network = CopyNetwork.any

    init(tag: UInt64, check: UInt64, at tick: UInt32) {
        self.tag = tag
        self.check = check
        at = tick
    }

    /// nil when all have expired.
    init?(_ record: CopyRecord, lifetime: UInt32, at tick: UInt32) {
        let age = tick &- record.mark.at
        if age > 2 * lifetime { return nil }
        self.init(tag: record.tag, check: record.content.check, at: record.mark.at)
        returning = ExpectedCopies(record.mark.word)
        heard = ExpectedCopies(record.content.words.0)
        original = ExpectedCopies(record.content.words.1)
        firstArrival = ArrivalTime(word: record.content.words.2)
        network = CopyNetwork(word: record.content.words.3)
        if age <= lifetime { return }
        at = at &+ lifetime
        returning.age()
        heard.age()
        original.age()
    }

    /// One more was sent to a network, of a datagram that arrived then.
    mutating func add(
        _ sent: SentCopies.Sent,
        to sentTo: CopyNetwork = .any,
        of arrival: ArrivalTime?
    ) {
        network = isBlank ? sentTo : network.joined(sentTo)
        if returning.isEmpty { firstArrival = arrival }
        returning.add()
        switch sent {
        case .relayed, .preserved, .unheard: break
        case .relayedBySession: heard.add()
        case .original: original.add()
        }
    }

    /// Whether none is expected.
    private var isBlank: Bool { returning.isEmpty && heard.isEmpty && original.isEmpty }

    /// Whether one was expected from elsewhere that may be this one. What arrived before the
    /// datagram that was relayed did not come from that: another relay was faster.
    mutating func takeReturning(_ arrival: ArrivalTime?) -> Bool {
        if let arrival, let firstArrival, arrival.isBefore(firstArrival) { return false }
        return returning.take()
    }

    /// Whether a datagram that was taken for a returning copy came so soon that it may have been on
    /// its way already.
    func mayHaveCrossed(_ arrival: ArrivalTime?) -> Bool {
        guard let arrival, let firstArrival else { return true }
        return arrival.microseconds(since: firstArrival) < Self.crossingMicroseconds
    }

    /// No answer of a host comes sooner than what another relay sends.
    private static let crossingMicroseconds: Int32 = 500

    var record: CopyRecord {
        CopyRecord(
            tag: tag,
            mark: CopyRecord.Mark(at: at, word: returning.word),
            content: CopyRecord.Content(
                check: check,
                words: (heard.word, original.word, firstArrival?.word ?? 0, network.word)
            )
        )
    }
}
