import CMicroHTTPD
import Synchronization

/// When a connection's patience ends: written by the listener's thread, read by the reaper's.
final class ConnectionTimer: Sendable {
    /// The connection's socket, open for as long as the reaper knows the timer.
    let descriptor: Int32

    private let deadline: Atomic<UInt64>
    private let waitingSince = Atomic(relaycast_monotonic_nanoseconds())

    /// A timer of a connection that has just been accepted.
    init(descriptor: Int32, deadlineNanoseconds: UInt64) {
        self.descriptor = descriptor
        deadline = Atomic(deadlineNanoseconds)
    }

    /// From `now` (CLOCK_MONOTONIC) the client has so many seconds to do its part.
    func expect(seconds: Int, from now: UInt64 = relaycast_monotonic_nanoseconds()) {
        waitingSince.store(now, ordering: .relaxed)
        deadline.store(now + UInt64(seconds) * 1_000_000_000, ordering: .relaxed)
    }

    /// It is our turn: nobody is to blame.
    func pause() {
        waitingSince.store(.max, ordering: .relaxed)
        deadline.store(.max, ordering: .relaxed)
    }

    /// A response is out; the next request may begin until `nanoseconds`.
    func idle(since: UInt64, untilNanoseconds nanoseconds: UInt64) {
        deadline.store(nanoseconds, ordering: .relaxed)
        waitingSince.store(since, ordering: .relaxed)
    }

    /// Whether the client is late.
    func isLate(at now: UInt64) -> Bool {
        deadline.load(ordering: .relaxed) <= now
    }

    /// Whether the client has kept us waiting since before `past`: for the rest of its request, for
    /// its next one, or for taking its response.
    func keepsWaiting(sinceBefore past: UInt64) -> Bool {
        waitingSince.load(ordering: .relaxed) < past
    }
}
