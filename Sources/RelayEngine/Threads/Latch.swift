/// A condition that is set once and that threads can wait for.
package final class Latch: Sendable {
    private let isSet = Locked(false)

    package init() {}

    package func set() {
        isSet.withLock { $0 = true }
        isSet.signal()
    }

    package func wait() {
        isSet.wait { $0 }
    }

    /// Waits at most some nanoseconds; whether it was set.
    package func wait(nanosecondsMax: Int64) -> Bool {
        isSet.wait(untilNanoseconds: HostNetwork.monotonicNanoseconds() + nanosecondsMax) { $0 }
        return isSet.withLock { $0 }
    }
}
