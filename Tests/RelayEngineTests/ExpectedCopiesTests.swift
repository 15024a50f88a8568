import Testing

@testable import RelayEngine

@Suite struct ExpectedCopiesTests {
    @Test func eachCopyThatWasSentIsTakenOnce() {
        var copies = ExpectedCopies(0)
        copies.add()
        copies.add()
        let taken = (0..<3).map { _ in copies.take() }
        #expect(taken == [true, true, false])
    }

    @Test func aCopyIsExpectedForTwoLifetimesAtMost() {
        var copies = ExpectedCopies(0)
        copies.add()
        copies.age()
        copies.add()
        copies.age()
        let taken = (0..<2).map { _ in copies.take() }
        #expect(taken == [true, false])
    }

    @Test(arguments: [1, 1000, 60_000])
    func aLifetimeIsAsLongAsItSaysAndTwoTicksMoreAtMost(milliseconds: Int) {
        let nanoseconds = Int64(milliseconds) * 1_000_000
        let exact = CopyTick.of(nanoseconds)
        #expect((exact...exact + 1).contains(CopyTick.lifetime(milliseconds: milliseconds)))
    }

    @Test func soManyCopiesAreCountedAndNoMore() {
        var copies = ExpectedCopies(0)
        for _ in 0..<70_000 { copies.add() }
        let taken = (0..<70_000).count { _ in copies.take() }
        #expect(taken == 65_535)
    }

    /// Records of copies age by the lifetime of the listener, also where the ticks have wrapped.
    @Test(arguments: [0, UInt32.max - 50])
    func aRecordLivesBetweenOneLifetimeAndTwo(start: UInt32) {
        var copies = Copies(tag: 1, check: 1, at: start)
        copies.returning.add()
        let record = copies.record
        for age in [0, 100, 101, 200] as [UInt32] {
            var later = Copies(record, lifetime: 100, at: start &+ age)
            let isTaken = later?.returning.take()
            #expect(isTaken == true)
        }
        #expect(Copies(record, lifetime: 100, at: start &+ 201) == nil)
    }
}
