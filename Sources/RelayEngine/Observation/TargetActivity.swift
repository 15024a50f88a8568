import RelayModel
import Synchronization

/// What is observed of one forward target: atomics with one writer, the relay thread.
final class TargetActivity: Sendable {
    let destination: ForwardTarget.Destination

    private let datagrams = SingleWriterCounter()
    private let bytes = SingleWriterCounter()
    private let failed = SingleWriterCounter()
    private let sendBufferFull = SingleWriterCounter()
    private let unreachable = SingleWriterCounter()
    /// Datagrams by `TargetDropReason.rawValue`.
    private let dropped = InlineArray<8, SingleWriterCounter> { _ in SingleWriterCounter() }
    private let held = Atomic<UInt64>(0)
    private let replyDatagrams = SingleWriterCounter()
    private let replyBytes = SingleWriterCounter()
    private let unmapped = SingleWriterCounter()
    private let expiredReplies = SingleWriterCounter()
    private let strayReplies = SingleWriterCounter()
    /// Nothing for most targets; made with the first error or asker.
    private let remembered = AtomicLazyReference<Locked<Remembered>>()

    private struct Remembered {
        var lastError: TransferError?
        var mappings: [MappingValues] = []
        var sourcePorts: Set<UInt16> = []
    }

    init(_ destination: ForwardTarget.Destination) { self.destination = destination }
}

// MARK: - Writing, on the relay thread only

extension TargetActivity {
    func countForwarded(_ traffic: Traffic) {
        datagrams.add(traffic.datagrams)
        bytes.add(traffic.bytes)
    }

    func countFailed(_ count: UInt64) { failed.add(count) }

    func countSendBufferFull(_ count: UInt64) { sendBufferFull.add(count) }

    func countUnreachable(_ count: UInt64) { unreachable.add(count) }

    func countDropped(_ count: UInt64, _ reason: TargetDropReason) {
        dropped[Int(reason.rawValue)].add(count)
    }

    func setHeld(_ count: Int) { held.store(UInt64(count), ordering: .relaxed) }

    func countReplies(_ traffic: Traffic) {
        replyDatagrams.add(traffic.datagrams)
        replyBytes.add(traffic.bytes)
    }

    func countUnmapped(_ count: UInt64) { unmapped.add(count) }

    func countExpiredReplies(_ count: UInt64) { expiredReplies.add(count) }

    func countStrayReplies(_ count: UInt64) { strayReplies.add(count) }

    func note(_ error: TransferError) { memory.withLock { $0.lastError = error } }

    func setMappings(_ mappings: [MappingValues]) { memory.withLock { $0.mappings = mappings } }

    /// A socket keeps this source port from now on, or no longer.
    func setKeepsSourcePort(_ port: UInt16, _ keeps: Bool) {
        memory.withLock { remembered in
            if keeps {
                remembered.sourcePorts.insert(port)
            } else {
                remembered.sourcePorts.remove(port)
            }
        }
    }

    private var memory: Locked<Remembered> {
        remembered.load() ?? remembered.storeIfNil(Locked(Remembered()))
    }
}

// MARK: - Reading, on any thread

extension TargetActivity {
    func values() -> TargetValues {
        var values = TargetValues()
        values.forwarded = Traffic(
            datagrams: datagrams.value,
            bytes: bytes.value
        )
        values.failed = failed.value
        values.sendBufferFull = sendBufferFull.value
        values.unreachable = unreachable.value
        for reason in TargetDropReason.allCases {
            let index = Int(reason.rawValue)
            values.dropped[index] = dropped[index].value
        }
        values.held = held.load(ordering: .relaxed)
        values.mappedReplies = Traffic(
            datagrams: replyDatagrams.value,
            bytes: replyBytes.value
        )
        values.unmapped = unmapped.value
        values.expiredReplies = expiredReplies.value
        values.strayReplies = strayReplies.value
        return values
    }

    /// Whether a socket keeps this source port.
    func keepsSourcePort(_ port: UInt16) -> Bool {
        remembered.load()?.withLock { $0.sourcePorts.contains(port) } ?? false
    }

    func mappings() -> [MappingValues] { remembered.load()?.withLock { $0.mappings } ?? [] }

    var lastError: TransferError? {
        guard let memory = remembered.load() else { return nil }
        return memory.withLock { $0.lastError }
    }
}
