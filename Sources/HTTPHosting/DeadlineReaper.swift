import CMicroHTTPD
import Glibc

/// Shuts down the sockets of clients that are late, and does what has been put off.
///
/// libmicrohttpd's own timeout is for inactivity: a client that sends a byte a second lives for
/// ever. Its thread may be waiting in poll(2), so another one looks at the clock. It calls
/// shutdown(2), never close(2): the library then finds the end of the stream and cleans up.
final class DeadlineReaper: Sendable {
    private struct Watch {
        var timers: [Int32: ConnectionTimer] = [:]
        var alarms = Alarms()
        var isStopped = false
    }

    /// Held during shutdown(2). As libmicrohttpd says that a connection is closed before it calls
    /// close(2), a descriptor found here is still that connection's.
    private let watch = Locked(Watch())
    private let tickNanoseconds: UInt64 = 250_000_000
    private let connectionsMax: Int

    /// How long a client may keep us waiting when there are `connectionsMax` of them. Deadlines alone
    /// would let as many slow clients hold every other off for the length of a deadline.
    private static let patienceNanosecondsAtLimit: UInt64 = 1_000_000_000

    /// A reaper that is less patient when there are `connectionsMax`.
    init(connectionsMax: Int) {
        self.connectionsMax = connectionsMax
    }

    /// Looks at the clock, and after `streams`, until `stop()`; the body of a thread.
    func run(_ streams: StreamsInProgress) {
        var tick: UInt64 = 0
        while true {
            watch.wait(untilNanoseconds: .max) { $0.isStopped || !$0.timers.isEmpty }
            var end = tick
            watch.wait(untilNanoseconds: tick) { watch in
                end = min(tick, watch.alarms.earliestNanoseconds)
                return watch.isStopped || end < tick
            }
            if end < tick { watch.wait(untilNanoseconds: end) { $0.isStopped } }
            if watch.withLock({ $0.isStopped }) { return }
            let now = relaycast_monotonic_nanoseconds()
            for body in watch.withLock({ $0.alarms.takeDue(at: now) }) { body() }
            guard now >= tick else { continue }
            reap()
            streams.abortGone()
            tick = now + tickNanoseconds
        }
    }

    /// Ends `run()`.
    func stop() {
        watch.withLock { $0.isStopped = true }
        watch.signal()
    }

    /// Does `body` at `nanoseconds` (CLOCK_MONOTONIC), on the reaper's thread, unless it has been
    /// stopped; at once where an eighth of all connections are held back already, because they are
    /// not there for anybody else.
    func at(nanoseconds: UInt64, _ body: @escaping @Sendable () -> Void) {
        let isAdded = watch.withLock { watch in
            guard watch.alarms.count < max(connectionsMax / 8, 1) else { return false }
            watch.alarms.add(nanoseconds, body)
            return true
        }
        if isAdded { watch.signal() } else { body() }
    }

    /// Begins to look after a connection.
    func add(_ timer: ConnectionTimer) {
        let isFirst = watch.withLock { watch in
            watch.timers[timer.descriptor] = timer
            return watch.timers.count == 1
        }
        if isFirst { watch.signal() }
    }

    /// Forgets a connection, before its descriptor is closed.
    func remove(_ timer: ConnectionTimer) {
        watch.withLock { $0.timers[timer.descriptor] = nil }
    }

    /// Shuts down a connection's socket, unless it has been closed.
    func shutDown(_ timer: ConnectionTimer) {
        watch.withLock { watch in
            guard watch.timers[timer.descriptor] === timer else { return }
            _ = shutdown(timer.descriptor, Int32(SHUT_RDWR))
        }
    }

    /// Whether a connection's client has closed its side, or the connection is broken.
    func hasHungUp(_ timer: ConnectionTimer) -> Bool {
        watch.withLock { watch in
            watch.timers[timer.descriptor] === timer
                && relaycast_has_hung_up(timer.descriptor) != 0
        }
    }

    private func reap() {
        let now = relaycast_monotonic_nanoseconds()
        watch.withLock { watch in
            for timer in watch.timers.values where timer.isLate(at: now) {
                _ = shutdown(timer.descriptor, Int32(SHUT_RDWR))
            }
            guard watch.timers.count >= connectionsMax else { return }
            // Others wait in the backlog: who keeps us waiting makes room.
            let past = now - min(now, Self.patienceNanosecondsAtLimit)
            for timer in watch.timers.values where timer.keepsWaiting(sinceBefore: past) {
                _ = shutdown(timer.descriptor, Int32(SHUT_RDWR))
            }
        }
    }
}
