import RelayEngine
import RelayModel

/// What happens once a second on the control thread: rates are sampled, interfaces are looked
/// after, sessions that wait are tried again, and warnings begin and end.
final class SessionSupervisor: Sendable {
    static let intervalNanoseconds: Int64 = 1_000_000_000
    /// Starting what waits takes no more of a second than this; the rest is tried in the next.
    static let retryNanosecondsMax: Int64 = 100_000_000

    private let registry: SessionRegistry
    /// Looking after targets of `forward` takes no more of a second than this.
    static let refreshNanosecondsMax: Int64 = 100_000_000
    /// Targets that run are looked after when a path may have changed, and every so many ticks.
    static let refreshTicks = 30

    private let nextRetry = Locked(0)
    private let nextRefresh = Locked(0)
    private let pass = Locked(Pass())
    private let lastInterfaces = Locked<[NetworkInterface]>([])

    /// How far looking after all targets is.
    private struct Pass {
        /// Ticks until it begins; 0 = it goes on.
        var ticks = 0
        /// Sessions that had their turn.
        var count = 0
    }

    /// nil when the system has none to give; then only what is missing at a tick is seen.
    private let links: LinkMonitor?
    /// nil when the system has none to give; then paths are looked after at every tick.
    private let paths: PathMonitor?

    init(_ registry: SessionRegistry) {
        self.registry = registry
        links = try? LinkMonitor()
        paths = try? PathMonitor()
    }

    func tick() {
        let sessions = registry.snapshot().sessions
        let now = HostNetwork.monotonicNanoseconds()
        for session in sessions { session.activity.sampleRates(at: now) }
        if let deleted = links?.takeDeleted(), !deleted.isEmpty { release(sessions, from: deleted) }
        // Before the list is made, which then shows what has changed.
        if paths?.takeChange() ?? true { pass.withLock { $0 = Pass() } }
        // A list that cannot be had says nothing of the interfaces.
        if let interfaces = try? HostNetwork.interfaces(), !interfaces.isEmpty {
            registry.engine.noteAddresses(of: interfaces)
            watch(sessions, interfaces)
            follow(sessions, interfaces)
            refreshTargets(sessions, interfaces)
        }
        retry(sessions)
        registry.reviewWarnings()
    }

    /// Looks after the targets of the sessions that run, in turn where there are many: after those
    /// that wait always, after the others when a path may be another one.
    private func refreshTargets(_ sessions: [ManagedSession], _ interfaces: [NetworkInterface]) {
        let isForAll = pass.withLock { pass in
            pass.ticks = max(pass.ticks - 1, 0)
            return pass.ticks == 0
        }
        let relays = sessions.filter { session in
            session.running?.targetStatuses.contains { status in
                status.map { isForAll || $0.reason != nil } ?? false
            } == true
        }
        let count = takeTurns(relays, nextRefresh, Self.refreshNanosecondsMax) { session in
            guard let running = session.running else { return }
            registry.refreshTargets(session, running, interfaces: interfaces)
        }
        guard isForAll else { return }
        pass.withLock { pass in
            pass.count += count
            if pass.count >= relays.count { pass = Pass(ticks: Self.refreshTicks) }
        }
    }

    /// Takes the sockets from sessions whose interface was deleted, though there may be another of
    /// the same name and index by now.
    private func release(_ sessions: [ManagedSession], from deleted: Set<Int32>) {
        for session in sessions {
            guard let interface = session.running?.interface, deleted.contains(interface.index)
            else { continue }
            registry.waitAgain(session, Self.hasGone(interface))
        }
    }

    private static func hasGone(_ interface: InterfaceReference) -> SessionError {
        SessionError(
            .interfaceUnavailable,
            "interface \(interface.name) has gone",
            errno: "ENODEV"
        )
    }

    private func watch(_ sessions: [ManagedSession], _ interfaces: [NetworkInterface]) {
        let indexes = Set(interfaces.map(\.index))
        for session in sessions {
            guard let running = session.running, let interface = running.interface else { continue }
            guard indexes.contains(interface.index) else {
                registry.waitAgain(session, Self.hasGone(interface))
                continue
            }
            let fault = RelayEngine.fault(of: running, interfaces: interfaces)
            if fault != session.status.reason { registry.setDegraded(session, fault) }
        }
    }

    /// Follows interfaces that were renamed or renumbered.
    private func follow(_ sessions: [ManagedSession], _ interfaces: [NetworkInterface]) {
        let isUnchanged = lastInterfaces.withLock { last in
            defer { last = interfaces }
            return last == interfaces
        }
        if isUnchanged { return }
        for session in sessions {
            guard let running = session.running else { continue }
            switch registry.engine.followPath(of: running, interfaces: interfaces) {
            case .interface(let next): registry.follow(session, next)
            case .destination: registry.reopen(session, running, interfaces: interfaces)
            case nil: break
            }
        }
    }

    private func retry(_ sessions: [ManagedSession]) {
        let stopped = sessions.filter { session in
            let state = session.status.state
            return session.definition != nil && session.running == nil
                && (state == .waiting || state == .failed)
        }
        takeTurns(stopped, nextRetry, Self.retryNanosecondsMax) { registry.tryToStart($0) }
    }

    /// Does something for each session, until the time is over; the next tick goes on from there.
    /// How many had their turn.
    @discardableResult
    private func takeTurns(
        _ sessions: [ManagedSession],
        _ next: Locked<Int>,
        _ nanosecondsMax: Int64,
        _ body: (ManagedSession) -> Void
    ) -> Int {
        guard !sessions.isEmpty else { return 0 }
        let deadline = HostNetwork.monotonicNanoseconds() + nanosecondsMax
        let first = next.withLock { $0 }
        for offset in sessions.indices {
            body(sessions[(first + offset) % sessions.count])
            if HostNetwork.monotonicNanoseconds() >= deadline {
                next.withLock { $0 = (first + offset + 1) % sessions.count }
                return offset + 1
            }
        }
        return sessions.count
    }
}
