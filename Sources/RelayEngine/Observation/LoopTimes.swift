import Synchronization

/// How long the rounds of the relay loop took, from the return of the wait to the next wait.
///
/// A socket that becomes ready waits for the round that runs, and then for what comes before it in
/// the next one: at most two rounds.
package struct LoopTimes: Hashable, Sendable {
    /// The upper bounds of the buckets in seconds, inclusive and ascending.
    package static let upperBounds = LoopMeter.upperBoundsNanoseconds.map { Double($0) / 1e9 }

    /// Rounds in each bucket, not cumulative; the last one has those above every bound.
    package let counts: [UInt64]
    /// The duration of all rounds together.
    package let nanoseconds: UInt64
    /// The longest round since the engine was started.
    package let longestNanoseconds: UInt64

    /// All rounds.
    package var count: UInt64 { counts.reduce(0, +) }
}

/// The durations of rounds as atomics with one writer, the relay thread.
final class LoopMeter: Sendable {
    /// 10 microseconds to 1 second.
    static let upperBoundsNanoseconds: [UInt64] = [
        10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000,
    ]

    private let bounds = LoopMeter.upperBoundsNanoseconds
    private let counts = InlineArray<17, Atomic<UInt64>> { _ in Atomic(0) }
    private let sum = Atomic<UInt64>(0)
    private let longest = Atomic<UInt64>(0)

    init() { precondition(bounds.count + 1 == counts.count) }

    /// Adds a round; on the relay thread only.
    func note(nanoseconds: UInt64) {
        var bucket = 0
        while bucket < bounds.count && nanoseconds > bounds[bucket] { bucket += 1 }
        // Without locked instructions: correct because there is one writer.
        counts[bucket].store(counts[bucket].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        sum.store(sum.load(ordering: .relaxed) &+ nanoseconds, ordering: .relaxed)
        if nanoseconds > longest.load(ordering: .relaxed) {
            longest.store(nanoseconds, ordering: .relaxed)
        }
    }

    /// The durations now; on any thread.
    func values() -> LoopTimes {
        LoopTimes(
            counts: counts.indices.map { counts[$0].load(ordering: .relaxed) },
            nanoseconds: sum.load(ordering: .relaxed),
            longestNanoseconds: longest.load(ordering: .relaxed)
        )
    }
}
