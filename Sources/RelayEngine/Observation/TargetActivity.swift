import RelayModel
import Synchronization

/// What is observed of one forward target: atomics with one writer, the relay thread.
final class TargetActivity: Sendable {
    let destination: ForwardTarget.Destination

    private let datagrams = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)
    private let failed = Atomic<UInt64>(0)
    private let sendBufferFull = Atomic<UInt64>(0)
    /// Datagrams by `TargetDropReason.rawValue`.
    private let dropped = InlineArray<6, Atomic<UInt64>> { _ in Atomic(0) }
    private let held = Atomic<UInt64>(0)
    private let replyDatagrams = Atomic<UInt64>(0)
    private let replyBytes = Atomic<UInt64>(0)
    private let unmapped = Atomic<UInt64>(0)
    private let remembered = Locked(Remembered())

    private struct Remembered {
        var lastError: TransferError?
        var mappings: [MappingValues] = []
    }

    init(_ destination: ForwardTarget.Destination) { self.destination = destination }
}

// MARK: - Writing, on the relay thread only

/// Adds without a locked instruction: correct because there is one writer.
@inline(__always)
private func add(_ amount: UInt64, to counter: borrowing Atomic<UInt64>) {
    if amount == 0 { return }
    counter.store(counter.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
}

extension TargetActivity {
    func countForwarded(_ traffic: Traffic) {
        add(traffic.datagrams, to: datagrams)
        add(traffic.bytes, to: bytes)
    }

    func countFailed(_ count: UInt64) { add(count, to: failed) }

    func countSendBufferFull(_ count: UInt64) { add(count, to: sendBufferFull) }

    func countDropped(_ count: UInt64, _ reason: TargetDropReason) {
        add(count, to: dropped[Int(reason.rawValue)])
    }

    func setHeld(_ count: Int) { held.store(UInt64(count), ordering: .relaxed) }

    func countReplies(_ traffic: Traffic) {
        add(traffic.datagrams, to: replyDatagrams)
        add(traffic.bytes, to: replyBytes)
    }

    func countUnmapped(_ count: UInt64) { add(count, to: unmapped) }

    func note(_ error: TransferError) { remembered.withLock { $0.lastError = error } }

    func setMappings(_ mappings: [MappingValues]) {
        remembered.withLock { $0.mappings = mappings }
    }
}

// MARK: - Reading, on any thread

extension TargetActivity {
    func values() -> TargetValues {
        var values = TargetValues()
        values.forwarded = Traffic(
            datagrams: datagrams.load(ordering: .relaxed),
            bytes: bytes.load(ordering: .relaxed)
        )
        values.failed = failed.load(ordering: .relaxed)
        values.sendBufferFull = sendBufferFull.load(ordering: .relaxed)
        for reason in TargetDropReason.allCases {
            let index = Int(reason.rawValue)
            values.dropped[index] = dropped[index].load(ordering: .relaxed)
        }
        values.held = held.load(ordering: .relaxed)
        values.mappedReplies = Traffic(
            datagrams: replyDatagrams.load(ordering: .relaxed),
            bytes: replyBytes.load(ordering: .relaxed)
        )
        values.unmapped = unmapped.load(ordering: .relaxed)
        return values
    }

    func mappings() -> [MappingValues] { remembered.withLock { $0.mappings } }

    var lastError: TransferError? { remembered.withLock { $0.lastError } }
}
