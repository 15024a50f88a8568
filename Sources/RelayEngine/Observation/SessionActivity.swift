import RelayModel

/// Everything that is observed of one incarnation of a session, from its creation on; it outlives
/// the sockets that the session opens in turn.
package final class SessionActivity: Sendable {
    package let counters = SessionCounters()
    package let recentPackets: RecentPackets
    private let state = Locked(State())

    /// Under one lock, which is held no longer than for a system call about the socket.
    private struct State {
        var targets: [TargetActivity] = []
        var history = RateHistory()
        var receiveDrops = ReceiveDrops()
    }

    /// The receive drops of the sockets that are closed, and the one that is open.
    private struct ReceiveDrops {
        /// How long an answer of the kernel is good for: asking is a system call, the dearest part
        /// of reading counters.
        static let validNanoseconds: Int64 = 10_000_000

        var total: UInt64 = 0
        var last: UInt32 = 0
        var socket: SessionSocket?
        /// When the kernel was last asked, on CLOCK_MONOTONIC.
        var askedAt: Int64 = .min

        mutating func update(at now: Int64) -> UInt64? {
            guard socket != nil, askedAt > now - Self.validNanoseconds else {
                askedAt = now
                return update()
            }
            return total
        }

        mutating func update() -> UInt64? {
            guard let socket else { return total }
            guard let drops = socket.receiveDrops() else {
                askedAt = .min
                return nil
            }
            total += UInt64(drops &- last)
            last = drops
            return total
        }
    }

    package init(_ definition: SessionDefinition) {
        recentPackets = RecentPackets(
            capacity: definition.recentPackets,
            snapLength: definition.snapLength
        )
    }

    /// Remembers packets as a new definition says, for a session that does not run; one that runs
    /// is updated by the engine.
    package func resizeRing(_ definition: SessionDefinition) {
        recentPackets.resize(
            capacity: definition.recentPackets,
            snapLength: definition.snapLength
        )
    }

    /// All counters now, with the kernel's receive drops, which may be 10 ms old, those of the ports of
    /// askers 250 ms.
    package func counterValues() -> CounterValues {
        var values = counters.values()
        let now = HostNetwork.monotonicNanoseconds()
        let drops = state.withLock { $0.receiveDrops.update(at: now) }
        values.lostReceiveBufferFull = drops.map { $0 + counters.mappedReceiveDropCount }
        return values
    }

    /// Relayed datagrams that came back to the session: what it is warned of as a loop.
    ///
    /// What a target drops as `loop` is left out: a datagram for several links is kept from the one
    /// that it came by, which is no circle.
    package var returnedDatagrams: UInt64 { counters.circlingDatagrams }

    /// The counters of the targets now, in the order of the definition that runs.
    package func targetValues() -> [TargetValues] {
        state.withLock { $0.targets }.map { $0.values() }
    }

    /// The askers of each target whose answers are sent back, in the same order.
    package func mappings() -> [[MappingValues]] {
        state.withLock { $0.targets }.map { $0.mappings() }
    }

    /// The last error of each target, in the same order.
    package func targetErrors() -> [TransferError?] {
        state.withLock { $0.targets }.map(\.lastError)
    }

    /// The activities of these targets: a destination that was there goes on counting.
    ///
    /// - Parameter former: activities of targets that were taken out and may come back.
    func activities(
        of definitions: [ForwardTarget],
        former: [TargetActivity] = []
    ) -> [TargetActivity] {
        let known = state.withLock { $0.targets } + former
        return definitions.map { definition in
            known.first { $0.destination == definition.destination }
                ?? TargetActivity(definition.destination)
        }
    }

    /// From now on these are the session's targets.
    func setTargets(_ activities: [TargetActivity]) {
        state.withLock { $0.targets = activities }
    }

    /// Remembers an error of the system as the last one.
    func note(_ error: SystemCallError) {
        recentPackets.record(
            TransferError(at: HostNetwork.now(), operation: error.operation, errno: error.name)
        )
    }

    /// Takes the sample of this second for the rates; the time is monotonic nanoseconds.
    package func sampleRates(at now: Int64) {
        let values = counters.values()
        let sent = values.sent + values.replied
        state.withLock { $0.history.append(received: values.received, sent: sent, at: now) }
    }

    /// Mean rates over 1, 10 and 60 seconds.
    package func rates() -> InlineArray<3, TrafficRates> {
        state.withLock { state in
            [
                state.history.rates(seconds: 1), state.history.rates(seconds: 10),
                state.history.rates(seconds: 60),
            ]
        }
    }

    /// Counts the drops of this socket from now on.
    func attach(_ socket: SessionSocket) {
        state.withLock { state in
            state.receiveDrops.socket = socket
            state.receiveDrops.last = 0
            state.receiveDrops.askedAt = .min
        }
    }

    /// Keeps what the open socket dropped, before it is closed.
    func detach() {
        state.withLock { state in
            _ = state.receiveDrops.update()
            state.receiveDrops.socket = nil
        }
    }
}
