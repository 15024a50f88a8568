import Synchronization

/// A counter that one thread writes and every thread may read; nobody waits.
struct SingleWriterCounter: ~Copyable, Sendable {
    private let count = Atomic<UInt64>(0)

    var value: UInt64 { @inline(__always) get { count.load(ordering: .relaxed) } }

    /// Adds without a locked instruction, which is correct because there is one writer.
    @inline(__always)
    func add(_ amount: UInt64) {
        if amount == 0 { return }
        count.store(value &+ amount, ordering: .relaxed)
    }
}
