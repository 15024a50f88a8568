import RelayEngine
import SessionStore
import Synchronization

/// Measures how long the writes of another store take, and counts those that fail.
final class MeasuredStore: DefinitionStore {
    private let store: any DefinitionStore
    private let metrics: StoreMetrics

    /// A store that hands everything on to `store`.
    init(_ store: any DefinitionStore, _ metrics: StoreMetrics) {
        self.store = store
        self.metrics = metrics
    }

    func write(_ changes: [StoreChange]) throws(StoreError) {
        if changes.isEmpty { return }
        try metrics.measure(StoreMetrics.Operation(changes)) { () throws(StoreError) in
            try store.write(changes)
        }
    }

    func all() throws(StoreError) -> [StoredSession] { try store.all() }

    func answers() throws(StoreError) -> [StoredAnswer] { try store.answers() }

    func close() throws(StoreError) { try store.close() }
}

/// How long writes to the store took, and how many failed.
final class StoreMetrics: Sendable {
    /// What was asked of the store.
    enum Operation: Int, Sendable, CaseIterable {
        case insert
        case replace
        case delete
        /// Several sessions in one transaction.
        case batch

        /// What the changes do to sessions; what is remembered besides does not count.
        init(_ changes: [StoreChange]) {
            var operations: [Operation] = []
            for change in changes {
                switch change {
                case .insert: operations.append(.insert)
                case .replace: operations.append(.replace)
                case .delete: operations.append(.delete)
                case .remember, .forget: break
                }
            }
            self = operations.count == 1 ? operations[0] : .batch
        }
    }

    /// From a disk with a cache that survives a power failure to one that hangs.
    private static let bounds: [UInt64] = [
        100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
        50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
        10_000_000_000,
    ]

    private let durations = Operation.allCases.map { _ in Histogram(bounds: bounds) }
    private let failures = InlineArray<4, Atomic<UInt64>> { _ in Atomic(0) }

    /// Runs a write and measures it, also when it throws.
    func measure<Result>(
        _ operation: Operation,
        _ write: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let start = HostNetwork.monotonicNanoseconds()
        defer {
            let duration = max(HostNetwork.monotonicNanoseconds() - start, 0)
            durations[operation.rawValue].record(nanoseconds: UInt64(duration))
        }
        do {
            return try write()
        } catch {
            // A name that is taken, or not there, is an answer and not a failure of the disk.
            if error.kind != .nameInUse && error.kind != .absent {
                failures[operation.rawValue].wrappingAdd(1, ordering: .relaxed)
            }
            throw error
        }
    }

    /// What was measured of one operation.
    struct Reading: Sendable {
        let operation: Operation
        let durations: HistogramValues
        let failures: UInt64
    }

    /// What was measured so far, for every operation.
    func readings() -> [Reading] {
        Operation.allCases.map { operation in
            Reading(
                operation: operation,
                durations: durations[operation.rawValue].values(),
                failures: failures[operation.rawValue].load(ordering: .relaxed)
            )
        }
    }
}
