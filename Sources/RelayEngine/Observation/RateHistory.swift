import RelayModel

/// Samples of a session's traffic, one a second, for the rates over 1, 10 and 60 seconds.
struct RateHistory {
    private struct Sample {
        let at: Int64
        let received: Traffic
        let sent: Traffic
    }

    /// One more than the longest window has seconds.
    private static let samplesMax = 61

    private var samples: [Sample] = []
    private var newest = 0
    /// When the first sample of all was taken; nothing changed between it and `samples[0]`.
    private var beganAt: Int64?
    /// When the last sample was taken, as long as nothing has passed.
    private var quietAt: Int64?

    /// Adds a sample; the time is monotonic nanoseconds.
    mutating func append(received: Traffic, sent: Traffic, at now: Int64) {
        let sample = Sample(at: now, received: received, sent: sent)
        if beganAt == nil { beganAt = now }
        // A session that nothing has passed needs no memory.
        if samples.isEmpty && received == Traffic() && sent == Traffic() {
            quietAt = now
            return
        }
        if samples.isEmpty, let quietAt {
            samples.append(Sample(at: quietAt, received: Traffic(), sent: Traffic()))
        }
        // One without traffic needs little: one sample says as much as sixty.
        if let last = samples.last, samples.count == 1, last.received == received,
            last.sent == sent
        {
            samples[0] = sample
            return
        }
        newest = samples.count < Self.samplesMax ? samples.count : (newest + 1) % Self.samplesMax
        if samples.count < Self.samplesMax {
            samples.append(sample)
        } else {
            samples[newest] = sample
        }
    }

    /// Mean rates over the last `seconds` samples; of a younger session since its first sample.
    func rates(seconds: Int) -> TrafficRates {
        var rates = TrafficRates()
        guard samples.count > 1 else { return rates }
        let last = samples[newest]
        let back = min(seconds, samples.count - 1)
        let first = samples[(newest + samples.count - back) % samples.count]
        // With fewer samples than seconds, the ones before the first were equal and not kept.
        let windowBeganAt = max(beganAt ?? first.at, last.at - Int64(seconds) * 1_000_000_000)
        let startedAt = back < seconds ? min(first.at, windowBeganAt) : first.at
        let elapsed = Double(last.at - startedAt) / 1e9
        guard elapsed > 0 else { return rates }
        func perSecond(_ last: UInt64, _ first: UInt64) -> Double {
            Double(last - min(first, last)) / elapsed
        }
        rates.receivedDatagrams = perSecond(last.received.datagrams, first.received.datagrams)
        rates.receivedBits = 8 * perSecond(last.received.bytes, first.received.bytes)
        rates.sentDatagrams = perSecond(last.sent.datagrams, first.sent.datagrams)
        rates.sentBits = 8 * perSecond(last.sent.bytes, first.sent.bytes)
        return rates
    }
}
