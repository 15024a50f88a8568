import HTTPHosting
import Testing

@testable import ControlPlane

/// Bounds of what is remembered.
@Suite struct AuthorityLimitTests {
    @Test func placesAreUsersAddressesAndNetworks() {
        let user = Peer(credentials: .init(processID: 5, userID: 7, groupID: 8))
        #expect(FailedAttempts.place(of: user) == "uid 7")
        #expect(FailedAttempts.place(of: Peer(address: "192.0.2.1", port: 9)) == "192.0.2.1")
        #expect(
            FailedAttempts.place(of: Peer(address: "2001:db8::1", port: 1))
                == FailedAttempts.place(of: Peer(address: "2001:db8::ffff:1", port: 1))
        )
        #expect(
            FailedAttempts.place(of: Peer(address: "2001:db8:0:1::1", port: 1))
                != FailedAttempts.place(of: Peer(address: "2001:db8::1", port: 1))
        )
    }

    @Test func thePlaceThatWasSilentLongestMakesRoom() {
        var failures = FailedAttempts()
        func fail(_ index: Int, at now: Int64) -> Int {
            let peer = Peer(address: "10.0.\(index / 256).\(index % 256)", port: 1)
            return failures.delayMilliseconds(afterFailureOf: peer, at: now)
        }
        for index in 0..<FailedAttempts.placesMax { #expect(fail(index, at: Int64(index)) == 250) }
        #expect(fail(0, at: 5000) == 500)
        #expect(fail(5000, at: 5001) == 250)
        #expect(fail(1, at: 5002) == 250)
        #expect(fail(0, at: 5003) == 1000)
    }

    @Test func aBucketLetsThroughItsRateInTheLongRun() {
        var bucket = RateBucket(Rate(perSecond: 1000, burst: 10), at: 0)
        var passed = 0
        for millisecond in 0..<10_000 {
            for _ in 0..<5 where bucket.take(at: Int64(millisecond) * 1_000_000) == 0 {
                passed += 1
            }
        }
        #expect((10_000...10_010).contains(passed))
    }

    @Test func whatIsTakenAtOnceIsWaitedForAfterwards() {
        var bucket = RateBucket(Rate(perSecond: 100), at: 0)
        func take(_ count: Int = 1, at now: Int64) -> Int64 { bucket.take(count, at: now) }
        func isFull(at now: Int64) -> Bool { bucket.isFull(at: now) }
        #expect(take(1024, at: 0) == 0)
        let wait = take(at: 0)
        #expect(wait == 9_250_000_000)
        #expect(take(at: wait - 1) > 0)
        #expect(take(at: wait) == 0)
        #expect(!isFull(at: wait))
        #expect(isFull(at: wait + 2_000_000_000))
    }

    @Test func theLargestRateDoesNotOverflow() {
        let most = Rate.range.upperBound
        for rate in [Rate(perSecond: most), Rate(perSecond: 1, burst: most)] {
            var bucket = RateBucket(rate, at: 0)
            let waits = [
                bucket.take(most, at: 0), bucket.take(at: 0), bucket.take(at: .max / 2),
            ]
            #expect(waits.map { $0 == 0 } == [true, false, true])
        }
    }
}
