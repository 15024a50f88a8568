import Testing

@testable import RelayEngine

@Suite struct TokenBucketTests {
    @Test(arguments: [1, 100, 1_000_000])
    func aSecondsWorthPassesAtOnceAndNoMore(perSecond: Int) {
        let bucket = Bucket(perSecond: perSecond, at: 0)
        #expect(bucket.taken(perSecond * 2 + 2, at: 0) == perSecond)
    }

    @Test func tokensComeBackWithTime() {
        let bucket = Bucket(perSecond: 100, at: 0)
        #expect(bucket.taken(100, at: 0) == 100)
        #expect(bucket.taken(10, at: 9_999_999) == 0)
        #expect(bucket.taken(10, at: 10_000_000) == 1)
        #expect(bucket.taken(100, at: 510_000_000) == 50)
    }

    @Test func aLongPauseFillsTheBucketNoFurther() {
        let bucket = Bucket(perSecond: 5, at: 0)
        #expect(bucket.taken(5, at: 0) == 5)
        #expect(bucket.taken(100, at: .max) == 5)
    }

    @Test func smallStepsAreNotLost() {
        let bucket = Bucket(perSecond: 3, at: 0)
        var count = bucket.taken(3, at: 0)
        for step in 1...1000 { count += bucket.taken(1, at: Int64(step) * 1_000_000) }
        #expect(count == 6)
    }

    @Test func aClockThatGoesBackGivesNothing() {
        let bucket = Bucket(perSecond: 1, at: 5_000_000_000)
        #expect(bucket.taken(1, at: 5_000_000_000) == 1)
        #expect(bucket.taken(1, at: 1_000_000_000) == 0)
    }
}

private final class Bucket {
    private var bucket: TokenBucket

    init(perSecond: Int, at now: Int64) { bucket = TokenBucket(perSecond: perSecond, at: now) }

    /// How many of so many tries succeed.
    func taken(_ tries: Int, at now: Int64) -> Int {
        var count = 0
        for _ in 0..<tries where bucket.take(at: now) { count += 1 }
        return count
    }
}
