import RelayModel
import Synchronization
import Testing

@testable import RelayEngine

/// Hands out 1…count in batches of 10, one every millisecond.
func pace(_ count: Int, with changes: Changes? = nil, _ body: (Range<Int>) -> Void) {
    let (batch, interval) = (10, Int64(1_000_000))
    var dueAt = HostNetwork.monotonicNanoseconds()
    let pause = Locked(())
    for first in stride(from: 1, through: count, by: batch) {
        changes?.await(beforeSending: first, of: count)
        body(first..<min(first + batch, count + 1))
        dueAt += interval
        pause.wait(untilNanoseconds: dueAt) { _ in false }
    }
    changes?.end()
}

/// What those know of each other who send and who changes the session meanwhile: on a busy machine
/// changes take long, and the traffic waits for so many.
final class Changes: Sendable {
    /// Changes during the whole traffic, at least.
    static let least = 12

    private let made = Atomic(0)
    private let waits = Atomic(false)
    private let hasEnded = Atomic(false)

    /// Whether all has been sent.
    var areOver: Bool { hasEnded.load(ordering: .sequentiallyConsistent) }

    /// Whether nothing is sent until there is another change.
    var areAwaited: Bool { waits.load(ordering: .sequentiallyConsistent) }

    /// Another change: which one, from 1 on.
    func next() -> Int { made.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue }

    fileprivate func end() { hasEnded.store(true, ordering: .sequentiallyConsistent) }

    fileprivate func await(beforeSending number: Int, of count: Int) {
        let due = Self.least * number / count
        if made.load(ordering: .sequentiallyConsistent) >= due { return }
        waits.store(true, ordering: .sequentiallyConsistent)
        let isMade = eventually { made.load(ordering: .sequentiallyConsistent) >= due }
        waits.store(false, ordering: .sequentiallyConsistent)
        #expect(isMade)
    }
}

/// Eight bytes that say which datagram it is.
func payload(_ number: Int) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}

/// Which datagram it is; nil for a payload of another kind.
func number(_ payload: [UInt8]) -> UInt64? {
    guard payload.count == 8 else { return nil }
    return payload.reversed().reduce(0) { $0 << 8 | UInt64($1) }
}
