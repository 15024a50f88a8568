import Synchronization

/// The memory that large bodies of one listener may take together: as many connections as there
/// may be, each with the longest body, would be more than a host has.
final class BodyBudget: Sendable {
    /// Bytes of each body that do not count, so that small requests are always taken.
    static let freeBytes = 64 * 1024

    private let bytesMax: Int
    private let taken = Atomic(0)

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// What is taken now.
    var takenBytes: Int { taken.load(ordering: .relaxed) }

    /// Takes so many bytes, or none and says false.
    func take(_ bytes: Int) -> Bool {
        // The listener's thread is the only one that takes and gives back.
        let sum = taken.load(ordering: .relaxed) + bytes
        guard sum <= bytesMax else { return false }
        taken.store(sum, ordering: .relaxed)
        return true
    }

    /// Gives back what was taken.
    func giveBack(_ bytes: Int) {
        taken.store(taken.load(ordering: .relaxed) - bytes, ordering: .relaxed)
    }
}
