import Testing

@testable import RelayEngine

@Suite struct WorkQueueTests {
    /// A queue that kept what has run would keep whatever its jobs captured.
    @Test func aJobThatHasRunIsLetGo() throws {
        final class Token: Sendable {}
        let queue = try WorkQueue(name: "test", jobsMax: 8)
        weak var token: Token?
        do {
            let captured = Token()
            token = captured
            #expect(queue.submit { _ = captured })
            #expect(queue.submit {})
        }
        #expect(eventually { token == nil })
        queue.close()
    }

    @Test func jobsRunInOrder() throws {
        let queue = try WorkQueue(name: "test", jobsMax: 1000)
        let seen = Locked<[Int]>([])
        for number in 0..<1000 {
            #expect(queue.submit { seen.withLock { $0.append(number) } })
        }
        queue.close()
        #expect(seen.withLock { $0 } == Array(0..<1000))
    }

    @Test func theLimitCountsTheJobsThatWait() throws {
        let queue = try WorkQueue(name: "test", jobsMax: 3)
        let (isBusy, goOn) = (Latch(), Latch())
        #expect(
            queue.submit {
                isBusy.set()
                goOn.wait()
            }
        )
        isBusy.wait()
        for _ in 0..<3 { #expect(queue.submit {}) }
        #expect(!queue.submit {})
        goOn.set()
        #expect(eventually { queue.submit {} })
        queue.close()
    }

    @Test func closingRunsWhatWaitsAndRefusesMore() throws {
        let queue = try WorkQueue(name: "test", jobsMax: 100)
        let count = Counter()
        let goOn = Latch()
        #expect(queue.submit { goOn.wait() })
        for _ in 0..<50 { #expect(queue.submit { count.increment() }) }
        goOn.set()
        queue.close()
        #expect(count.count == 50)
        #expect(!queue.submit {})
    }

    @Test func timersRunWhenTheyAreDueEarliestFirst() throws {
        let queue = try WorkQueue(name: "test", jobsMax: 10)
        let seen = Locked<[Int]>([])
        let start = HostNetwork.monotonicNanoseconds()
        let endedAt = Locked<Int64>(0)
        for number in [30, 10, 20] {
            queue.schedule(afterNanoseconds: Int64(number) * 1_000_000) {
                seen.withLock { $0.append(number) }
                endedAt.withLock { $0 = HostNetwork.monotonicNanoseconds() }
            }
        }
        #expect(eventually { seen.withLock { $0.count } == 3 })
        #expect(seen.withLock { $0 } == [10, 20, 30])
        #expect(endedAt.withLock { $0 } - start >= 30_000_000)
        queue.close()
    }

    @Test func aCancelledTimerDoesNotRun() throws {
        let queue = try WorkQueue(name: "test", jobsMax: 10)
        let last = Latch()
        let wrong = Counter()
        let token = queue.schedule(afterNanoseconds: 5_000_000) {
            wrong.increment()
        }
        queue.cancelTimer(token)
        queue.cancelTimer(token)
        queue.schedule(afterNanoseconds: 10_000_000) { last.set() }
        last.wait()
        #expect(wrong.count == 0)
        queue.close()
    }

    @Test func timersThatAreNotDueAreForgottenByClosing() throws {
        let queue = try WorkQueue(name: "test", jobsMax: 10)
        let wrong = Counter()
        queue.schedule(afterNanoseconds: 3_600_000_000_000) {
            wrong.increment()
        }
        queue.close()
        #expect(wrong.count == 0)
    }

    @Test func timersAndJobsMayAddMore() throws {
        let queue = try WorkQueue(name: "test", jobsMax: 10)
        let done = Latch()
        queue.schedule(afterNanoseconds: 1) {
            _ = queue.submit { queue.schedule(afterNanoseconds: 1) { done.set() } }
        }
        done.wait()
        queue.close()
    }
}
