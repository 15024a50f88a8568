import RelayModel

@testable import RelayEngine

/// Hands out 1…count in batches of 10, one every millisecond.
func pace(_ count: Int, _ body: (Range<Int>) -> Void) {
    let (batch, interval) = (10, Int64(1_000_000))
    var dueAt = HostNetwork.monotonicNanoseconds()
    let pause = Locked(())
    for first in stride(from: 1, through: count, by: batch) {
        body(first..<min(first + batch, count + 1))
        dueAt += interval
        pause.wait(untilNanoseconds: dueAt) { _ in false }
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
