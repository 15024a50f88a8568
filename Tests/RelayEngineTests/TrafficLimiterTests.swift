import RelayModel
import Testing

@testable import RelayEngine

@Suite struct TrafficLimiterTests {
    @Test func aBurstOfDatagramsPassesAndThenTheRate() {
        let limiter = Limiter(TrafficLimits(datagramsPerSecond: 1000, burstMilliseconds: 100))
        #expect(limiter.passed(500, bytes: 1, at: 0) == 100)
        #expect(limiter.passed(500, bytes: 1, at: 999_999) == 0)
        #expect(limiter.passed(500, bytes: 1, at: 1_000_000) == 1)
        #expect(limiter.passed(500, bytes: 1, at: 51_000_000) == 50)
        #expect(limiter.passed(500, bytes: 1, at: 10_000_000_000) == 100)
    }

    @Test func aBurstOfBytesPassesAndThenTheRate() {
        let limiter = Limiter(TrafficLimits(bytesPerSecond: 1_000_000))
        #expect(limiter.passed(2000, bytes: 1000, at: 0) == 1000)
        #expect(limiter.passed(2000, bytes: 1000, at: 5_000_000) == 5)
        // Empty datagrams are free of bytes.
        #expect(limiter.passed(2000, bytes: 0, at: 5_000_000) == 2000)
    }

    @Test func whatOneBucketRefusesTheOtherKeeps() {
        let limiter = Limiter(
            TrafficLimits(datagramsPerSecond: 10, bytesPerSecond: 100_000)
        )
        // 60 000 of 100 000 bytes: the second one does not fit, and takes no datagram.
        #expect(limiter.passed(100, bytes: 60_000, at: 0) == 1)
        #expect(limiter.passed(8, bytes: 1, at: 0) == 8)
        #expect(limiter.passed(1, bytes: 40_001, at: 0) == 0)
        #expect(limiter.passed(2, bytes: 1, at: 0) == 1)
        // No datagram is left now, and what is refused for it takes no bytes.
        #expect(limiter.passed(100, bytes: 30_000, at: 0) == 0)
        #expect(limiter.passed(1, bytes: 39_991 + 10_000, at: 100_000_000) == 1)
    }

    @Test func theLargestDatagramPassesAtAnyRate() {
        let limits = TrafficLimits(bytesPerSecond: 1, burstMilliseconds: 1)
        let limiter = Limiter(limits)
        let largest = TrafficLimiter.datagramBytesMax
        #expect(largest >= DefinitionLimits.datagramBytesMax)
        #expect(limiter.passed(2, bytes: largest, at: 0) == 1)
        #expect(limiter.passed(1, bytes: largest, at: Int64(largest) * second - 1) == 0)
        #expect(limiter.passed(2, bytes: largest, at: Int64(largest) * second) == 1)
        // And one more byte never does.
        #expect(limiter.passed(1, bytes: largest + 1, at: .max) == 0)
    }

    @Test func oneDatagramPassesAtTheLowestRateAndTheShortestBurst() {
        let limiter = Limiter(TrafficLimits(datagramsPerSecond: 1, burstMilliseconds: 1))
        #expect(limiter.passed(9, bytes: 0, at: 0) == 1)
        #expect(limiter.passed(9, bytes: 0, at: second - 1) == 0)
        #expect(limiter.passed(9, bytes: 0, at: second) == 1)
    }

    @Test func theHighestRatesDoNotDrift() {
        let limits = TrafficLimits(
            datagramsPerSecond: 10_000_000,
            bytesPerSecond: 100_000_000_000,
            burstMilliseconds: 1
        )
        let limiter = Limiter(limits)
        // The burst of 10^8 bytes, then a nanosecond at a time: 100 bytes.
        let bytes = DefinitionLimits.datagramBytesMax
        var count = limiter.passed(.max, bytes: bytes, at: 0)
        #expect(count == 100_000_000 / bytes)
        for step in 1...1_000_000 { count += limiter.passed(.max, bytes: bytes, at: Int64(step)) }
        #expect(count == 200_000_000 / bytes)
        // A datagram each 100 ns. Only the rate of datagrams holds small ones back.
        count = limiter.passed(.max, bytes: 1, at: second)
        for step in 1...1_000_000 {
            count += limiter.passed(.max, bytes: 1, at: second + Int64(step))
        }
        #expect(count == 20_000)
    }

    @Test func tenSecondsAtTheHighestRateFit() {
        var bucket = TokenBucket(perSecond: 100_000_000_000, burstMilliseconds: 10_000, at: 0)
        for (tokens, now) in [(1_000_000_000_000, Int64(0)), (1_000_000_000_000, .max)] {
            let isTaken = [bucket.take(tokens, at: now), bucket.take(1, at: now)]
            #expect(isTaken == [true, false])
        }
    }

    @Test func anOddRateDoesNotDrift() {
        let limiter = Limiter(TrafficLimits(datagramsPerSecond: 7))
        #expect(limiter.passed(.max, bytes: 1, at: 0) == 7)
        var count = 0
        // An hour in steps that divide nothing.
        for step in 1...1_000_000 {
            count += limiter.passed(1, bytes: 1, at: Int64(step) * 3_600_000)
        }
        #expect(count == 3600 * 7)
    }

    @Test func aClockThatStandsStillGivesNothing() {
        let limiter = Limiter(TrafficLimits(datagramsPerSecond: 3), at: 77)
        #expect(limiter.passed(100_000, bytes: 9, at: 77) == 3)
    }

    @Test func aClockThatGoesBackGivesNothingTwice() {
        let limiter = Limiter(TrafficLimits(datagramsPerSecond: 1), at: 0)
        #expect(limiter.passed(2, bytes: 1, at: second) == 1)
        #expect(limiter.passed(2, bytes: 1, at: 0) == 0)
        #expect(limiter.passed(2, bytes: 1, at: second) == 0)
        #expect(limiter.passed(2, bytes: 1, at: 2 * second) == 1)
    }

    @Test func yearsOfSilenceFillABucketNoFurther() {
        let limits = TrafficLimits(
            datagramsPerSecond: 10_000_000,
            bytesPerSecond: 100_000_000_000,
            burstMilliseconds: 1
        )
        let limiter = Limiter(limits, at: 0)
        #expect(limiter.passed(20_000, bytes: 1, at: .max) == 10_000)
        #expect(limiter.passed(1, bytes: 1, at: .max) == 0)
    }

    @Test func itSaysHowLongToWait() {
        let limits = TrafficLimits(datagramsPerSecond: 10, bytesPerSecond: 100_000)
        let limiter = Limiter(limits)
        #expect(limiter.nanosecondsUntil(bytes: 1, at: 0) == 0)
        #expect(limiter.passed(.max, bytes: 10_000, at: 0) == 10)
        #expect(limiter.nanosecondsUntil(bytes: 1, at: 0) == 100_000_000)
        #expect(limiter.nanosecondsUntil(bytes: 20_000, at: 0) == 200_000_000)
        #expect(limiter.nanosecondsUntil(bytes: 20_000, at: 150_000_000) == 50_000_000)
        #expect(limiter.passed(1, bytes: 20_000, at: 199_999_999) == 0)
        #expect(limiter.passed(1, bytes: 20_000, at: 200_000_000) == 1)
    }
}

private let second: Int64 = 1_000_000_000

private final class Limiter {
    private var limiter: TrafficLimiter

    init(_ limits: TrafficLimits, at now: Int64 = 0) {
        limiter = TrafficLimiter(limits, at: now)
    }

    /// How many of so many datagrams pass before the first that does not.
    func passed(_ tries: Int, bytes: Int, at now: Int64) -> Int {
        var count = 0
        while count < tries && limiter.take(bytes: bytes, at: now) { count += 1 }
        return count
    }

    func nanosecondsUntil(bytes: Int, at now: Int64) -> Int64 {
        limiter.nanosecondsUntil(bytes: bytes, at: now)
    }
}
