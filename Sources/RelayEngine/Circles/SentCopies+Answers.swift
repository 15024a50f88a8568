import RelayModel

/// Answers of this daemon, which no session of it takes for a question.
extension SentCopies {
    /// How long an answer is expected to be heard.
    private static let answerLifetime = CopyTick.lifetime(milliseconds: 1000)
    /// Marks the record of how often an answer was sent.
    private static let answerKey: UInt64 = 0xFFFF_FFFE

    /// An answer was sent to where sessions of this daemon may hear it.
    func noteAnswer(_ payload: Span<UInt8>, at now: Int64) {
        makeRoom(for: 1, at: now)
        countAnswer(payload, Self.answerKey, at: CopyTick.of(now))
    }

    /// Whether a datagram from a socket of this daemon is one of the answers that were sent, and not
    /// the same bytes once more: a session meets each answer once.
    ///
    /// - Parameter number: the session's among those that answer.
    func isAnswer(_ payload: Span<UInt8>, heardBy number: UInt32, at now: Int64) -> Bool {
        let tick = CopyTick.of(now)
        let sent = answerCount(payload, Self.answerKey, at: tick)
        let key = UInt64(number &* 0x9E37_79B1) ^ 0xA5A5_A5A5
        if sent == 0 || answerCount(payload, key, at: tick) >= sent { return false }
        makeRoom(for: 1, at: now)
        countAnswer(payload, key, at: tick)
        return true
    }

    private func answerCount(_ payload: Span<UInt8>, _ key: UInt64, at tick: UInt32) -> UInt32 {
        let sample = max(PayloadHash.sample(payload), 1)
        let check = Self.digest(payload, sample: sample)
        guard let place = table.find(sample ^ key, check: check),
            tick &- table[place].mark.at <= Self.answerLifetime
        else { return 0 }
        return table[place].mark.word
    }

    private func countAnswer(_ payload: Span<UInt8>, _ key: UInt64, at tick: UInt32) {
        let sample = max(PayloadHash.sample(payload), 1)
        let check = Self.digest(payload, sample: sample)
        let count = answerCount(payload, key, at: tick) &+ 1
        let tag = sample ^ key
        let place = table.find(tag, check: check) ?? table.victim(for: tag, check: check, at: tick)
        table.write(CopyRecord(tag: tag, check: check, word: count, at: tick), to: place)
    }
}
