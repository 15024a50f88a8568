import RelayEngine
import Synchronization

/// Counts durations by upper bounds. Any thread may record; nobody waits.
final class Histogram: Sendable {
    /// Most buckets, the last one without a bound included.
    static let bucketsMax = 18

    /// The upper bounds in nanoseconds, ascending.
    let bounds: [UInt64]

    /// Durations that are in this bucket and in none before.
    private let counts = InlineArray<18, Atomic<UInt64>> { _ in Atomic(0) }
    private let sumNanoseconds = Atomic<UInt64>(0)

    /// A histogram without durations.
    init(bounds: [UInt64]) {
        precondition(bounds.count < Self.bucketsMax, "There are \(Self.bucketsMax) buckets.")
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "Bounds ascend.")
        self.bounds = bounds
    }

    /// Adds a duration.
    func record(nanoseconds: UInt64) {
        var bucket = 0
        while bucket < bounds.count && nanoseconds > bounds[bucket] { bucket += 1 }
        counts[bucket].wrappingAdd(1, ordering: .relaxed)
        sumNanoseconds.wrappingAdd(nanoseconds, ordering: .relaxed)
    }

    /// What was recorded so far. The sum may be a duration ahead of the counts.
    func values() -> HistogramValues {
        HistogramValues(
            bounds: bounds,
            counts: (0...bounds.count).map { counts[$0].load(ordering: .relaxed) },
            sumNanoseconds: sumNanoseconds.load(ordering: .relaxed)
        )
    }
}

/// A histogram at one moment.
struct HistogramValues: Sendable, Equatable {
    /// The upper bounds in nanoseconds, ascending.
    var bounds: [UInt64]

    /// Durations in each bucket and in none before; one more than bounds, for what is above all.
    var counts: [UInt64]

    /// The sum of all durations.
    var sumNanoseconds: UInt64

    /// How many durations there were.
    var total: UInt64 { counts.reduce(0, +) }
}

extension HistogramValues {
    /// The rounds of the relay thread.
    init(_ times: LoopTimes) {
        self.init(
            bounds: LoopTimes.upperBounds.map { UInt64(($0 * 1e9).rounded()) },
            counts: times.counts,
            sumNanoseconds: times.nanoseconds
        )
    }
}
