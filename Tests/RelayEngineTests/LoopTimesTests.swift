import RelayModel
import Testing

@testable import RelayEngine

/// How long the rounds of the relay loop take.
@Suite struct LoopTimesTests {
    @Test func theBoundsAscendFromTenMicrosecondsToASecond() {
        let bounds = LoopTimes.upperBounds
        #expect(bounds.first == 0.00001 && bounds.last == 1)
        #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func aBoundBelongsToItsBucket() {
        for (index, bound) in LoopMeter.upperBoundsNanoseconds.enumerated() {
            let meter = LoopMeter()
            meter.note(nanoseconds: bound)
            meter.note(nanoseconds: bound + 1)
            let values = meter.values()
            #expect(values.counts[index] == 1 && values.counts[index + 1] == 1)
            #expect(values.count == 2 && values.nanoseconds == 2 * bound + 1)
            #expect(values.longestNanoseconds == bound + 1)
        }
    }

    @Test func theLongestRoundStays() {
        let meter = LoopMeter()
        for nanoseconds in [5, 70_000, 0] { meter.note(nanoseconds: UInt64(nanoseconds)) }
        #expect(meter.values().longestNanoseconds == 70_000)
        #expect(meter.values().nanoseconds == 70_005)
        #expect(meter.values().counts.first == 2)
    }

    /// The relay thread is held up by a request's closure, and nothing else waits.
    @Test func aRoundThatIsHeldUpIsSeen() throws {
        try withEngine { engine in
            let sender = definition(.multicastSender, group: anyGroup(), port: try freePort())
            let session = try engine.run(sender)
            defer { engine.stop(session) }
            let before = engine.loopTimes
            let goOn = Latch()
            engine.block(with: session, until: goOn)
            let blockedAt = HostNetwork.monotonicNanoseconds()
            #expect(!goOn.wait(nanosecondsMax: 20_000_000))
            let held = UInt64(HostNetwork.monotonicNanoseconds() - blockedAt)
            goOn.set()
            #expect(eventually { engine.loopTimes.longestNanoseconds >= held })
            let after = engine.loopTimes
            #expect(after.count > before.count)
            #expect(after.nanoseconds >= before.nanoseconds + held)
        }
    }

    @Test func waitingIsNoRound() throws {
        try withEngine { engine in
            let pause = Latch()
            let startedAt = HostNetwork.monotonicNanoseconds()
            #expect(!pause.wait(nanosecondsMax: 50_000_000))
            let elapsed = UInt64(HostNetwork.monotonicNanoseconds() - startedAt)
            #expect(engine.loopTimes.nanoseconds < elapsed)
            #expect(engine.loopTimes.count == 0)
        }
    }
}
