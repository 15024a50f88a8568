/// What is to be done at given times; at most one entry for each suspended request.
struct Alarms: Sendable {
    private var entries: [(time: UInt64, body: @Sendable () -> Void)] = []

    /// The earliest time (CLOCK_MONOTONIC), `.max` when there is nothing to do.
    private(set) var earliestNanoseconds = UInt64.max

    /// How many there are.
    var count: Int { entries.count }

    /// Adds what is to be done at `nanoseconds`.
    mutating func add(_ nanoseconds: UInt64, _ body: @escaping @Sendable () -> Void) {
        entries.append((nanoseconds, body))
        earliestNanoseconds = min(earliestNanoseconds, nanoseconds)
    }

    /// Takes out what is due, in the order of its times.
    mutating func takeDue(at now: UInt64) -> [@Sendable () -> Void] {
        guard earliestNanoseconds <= now else { return [] }
        let due = entries.filter { $0.time <= now }.sorted { $0.time < $1.time }
        entries.removeAll { $0.time <= now }
        earliestNanoseconds = entries.map(\.time).min() ?? .max
        return due.map(\.body)
    }
}
