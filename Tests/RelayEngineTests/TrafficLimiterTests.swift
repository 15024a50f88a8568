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

    /// What passes in so many seconds of a steady stream that is twice as fast as the limit.
    @Test(arguments: [1000, 10_000, 100_000, 1_000_000], [1, 50, 1000, 10_000])
    func theRateIsRightForEverySizeAndBurst(bytesPerSecond: Int, burstMilliseconds: Int) {
        for bytes in [20, 200, 1316, 1472, 9000, 65_507] {
            let limits = TrafficLimits(
                bytesPerSecond: bytesPerSecond,
                burstMilliseconds: burstMilliseconds
            )
            let limiter = Limiter(limits)
            let burst = bytesPerSecond * burstMilliseconds / 1000
            let seconds = 20 * max(burstMilliseconds / 1000, bytes / bytesPerSecond, 1)
            // It is asked three times a burst, at moments that divide nothing.
            let step = Int64(burstMilliseconds) * 333_331
            let end = Int64(seconds) * second
            var (count, now) = (limiter.passed(.max, bytes: bytes, at: 0), Int64(0))
            #expect(count >= 1 && (count - 1) * bytes <= burst)
            while now < end {
                now = min(now + step, end)
                count += limiter.passed(.max, bytes: bytes, at: now)
            }
            let right = Double(burst + bytesPerSecond * seconds) / Double(bytes)
            #expect(Double(count) <= right + 1, "\(bytes) bytes")
            #expect(Double(count) >= right * 0.95 - 1, "\(bytes) bytes")
        }
    }

    @Test func aBurstIsAsLongAsTheLimitSays() {
        // 5000 bytes at first, and 100 000 in each of three seconds.
        let limiter = Limiter(TrafficLimits(bytesPerSecond: 100_000, burstMilliseconds: 50))
        var count = 0
        for millisecond in 0...3000 {
            count += limiter.passed(2, bytes: 200, at: Int64(millisecond) * 1_000_000)
        }
        #expect(count == 1525)
    }

    @Test func whatOneBucketRefusesTheOtherKeeps() {
        let limiter = Limiter(
            TrafficLimits(datagramsPerSecond: 10, bytesPerSecond: 100_000)
        )
        // 120 000 of 100 000 bytes: the third one does not pass, and takes no datagram.
        #expect(limiter.passed(100, bytes: 60_000, at: 0) == 2)
        // 0.2 s pay the debt; ten datagrams are there again, of which none was taken in vain.
        #expect(limiter.passed(100, bytes: 1, at: 200_000_000) == 0)
        #expect(limiter.passed(100, bytes: 0, at: 200_000_000) == 10)
        // No datagram is left now, and what is refused for it takes no bytes.
        #expect(limiter.passed(100, bytes: 30_000, at: 200_000_001) == 0)
        #expect(limiter.nanosecondsUntil(bytes: 1, at: 200_000_001) == 99_999_999)
    }

    @Test func theLargestDatagramPassesAtAnyRate() {
        let limits = TrafficLimits(bytesPerSecond: 1, burstMilliseconds: 1)
        let limiter = Limiter(limits)
        let largest = DefinitionLimits.datagramBytesMax
        #expect(limiter.passed(2, bytes: largest, at: 0) == 1)
        // The bucket had a thousandth of a byte.
        let paid = Int64(largest) * second - 1_000_000
        #expect(limiter.nanosecondsUntil(bytes: 1, at: 0) == paid + 1)
        #expect(limiter.passed(1, bytes: 1, at: paid) == 0)
        #expect(limiter.passed(2, bytes: largest, at: paid + 1) == 1)
        // Empty datagrams pass whatever the debt.
        #expect(limiter.passed(5, bytes: 0, at: paid + 1) == 5)
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
        #expect(count == 100_000_000 / bytes + 1)
        for step in 1...1_000_000 { count += limiter.passed(.max, bytes: bytes, at: Int64(step)) }
        #expect(count == 200_000_000 / bytes + 1)
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
        #expect(limiter.nanosecondsUntil(bytes: 0, at: 0) == 100_000_000)
        #expect(limiter.nanosecondsUntil(bytes: 1, at: 0) == 100_000_000)
        #expect(limiter.passed(1, bytes: 60_000, at: 100_000_000) == 1)
        #expect(limiter.nanosecondsUntil(bytes: 1, at: 100_000_000) == 500_000_001)
        #expect(limiter.nanosecondsUntil(bytes: 9, at: 300_000_000) == 300_000_001)
        #expect(limiter.nanosecondsUntil(bytes: 0, at: 300_000_000) == 0)
        #expect(limiter.passed(1, bytes: 20_000, at: 600_000_000) == 0)
        #expect(limiter.passed(1, bytes: 20_000, at: 600_000_001) == 1)
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
