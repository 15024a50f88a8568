import Testing

@testable import RelayEngine

@Suite struct LockedTests {
    @Test func writersExcludeEachOther() throws {
        let value = Locked(0)
        try onThreads(4) { _ in for _ in 0..<10_000 { value.withLock { $0 += 1 } } }
        #expect(value.withLock { $0 } == 40_000)
    }

    @Test func waitingEndsAtTheDeadline() {
        let value = Locked(0)
        let start = HostNetwork.monotonicNanoseconds()
        value.wait(untilNanoseconds: start + 5_000_000) { $0 == 1 }
        #expect(HostNetwork.monotonicNanoseconds() - start >= 5_000_000)
    }

    @Test func aLatchLetsEveryWaiterThroughForGood() throws {
        let (latch, passed) = (Latch(), Counter())
        try onThreads(4) { index in
            if index == 0 { latch.set() }
            latch.wait()
            passed.increment()
        }
        latch.wait()
        #expect(passed.count == 4)
    }
}
