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
}
