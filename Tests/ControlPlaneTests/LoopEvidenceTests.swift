import Testing

@testable import ControlPlane

/// When returns are a loop, and when that is over.
@Suite struct LoopEvidenceTests {
    /// Samples these returns, one count a second. Returns whether there was a loop after each.
    private func judged(_ returns: [UInt64]) -> [Bool] {
        var evidence = LoopEvidence()
        var total: UInt64 = 0
        return returns.map { count in
            total += count
            evidence.sample(total)
            return evidence.isLoop
        }
    }

    @Test func oneReturnIsEnoughSinceItWasDropped() {
        #expect(judged([0, 0]) == [false, false])
        #expect(judged([0, 1]) == [false, true])
    }

    @Test func aLoopLastsUntilAWindowHasSeenNoReturn() {
        let window = LoopEvidence.windowSeconds
        let silence = Array(repeating: UInt64(0), count: window)
        #expect(judged([9] + silence.dropLast()).allSatisfy { $0 })
        #expect(judged([9] + silence) == Array(repeating: true, count: window) + [false])
        // A single return within the window keeps it, so that it does not come and go.
        let pauses = silence.dropLast() + [1]
        #expect(judged([9] + pauses + pauses + pauses).allSatisfy { $0 })
    }

    @Test func theDetailSaysHowManyInWhichTime() {
        var evidence = LoopEvidence()
        evidence.sample(1000)
        evidence.sample(1007)
        #expect(evidence.datagrams == 1007)
        #expect(evidence.detail.hasPrefix("1007 relayed datagrams came back within 10 seconds: "))
    }
}
