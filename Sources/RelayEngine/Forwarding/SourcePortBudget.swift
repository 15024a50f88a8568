import Synchronization

/// How many sockets all targets of the daemon may have open to keep source ports, and when one of
/// them expires.
final class SourcePortBudget: Sendable {
    /// Sockets of all targets, where the daemon has descriptors enough.
    static let socketsMax = 16_384

    /// A quarter of the descriptors that sessions may have, at most `socketsMax`.
    let limit: Int
    // Written by the relay thread only.
    private let open = Atomic<Int>(0)
    private let due = Atomic<Int64>(.max)

    /// - Parameter descriptorCeiling: descriptors at or above this number are not for sessions.
    init(descriptorCeiling: Int32) {
        limit = min(max(Int(descriptorCeiling) / 4, 1), Self.socketsMax)
    }

    /// Sockets that are open.
    var count: Int { open.load(ordering: .relaxed) }

    /// Takes one of the budget; false when all are in use.
    func take() -> Bool {
        let count = count
        guard count < limit else { return false }
        open.store(count + 1, ordering: .relaxed)
        return true
    }

    /// Gives some back.
    func giveBack(_ sockets: Int) { open.store(count - sockets, ordering: .relaxed) }

    /// When a table may have something to expire, in monotonic nanoseconds; `.max` = never, as
    /// things are.
    var nextDue: Int64 { due.load(ordering: .relaxed) }

    /// Something expires then, perhaps after something else.
    func noteExpiry(at time: Int64) { due.store(min(nextDue, time), ordering: .relaxed) }

    /// Forgets what was noted, as all tables are about to be looked at.
    func beginExpiring() { due.store(.max, ordering: .relaxed) }
}
