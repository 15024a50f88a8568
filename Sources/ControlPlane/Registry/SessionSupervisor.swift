import RelayEngine
import RelayModel

/// What happens once a second on the control thread: rates are sampled, interfaces are looked
/// after, and sessions that wait are tried again.
final class SessionSupervisor: Sendable {
    static let intervalNanoseconds: Int64 = 1_000_000_000
    /// Starting what waits takes no more of a second than this; the rest is tried in the next.
    static let retryNanosecondsMax: Int64 = 100_000_000

    private let registry: SessionRegistry
    private let nextRetry = Locked(0)

    init(_ registry: SessionRegistry) { self.registry = registry }

    func tick() {
        let sessions = registry.snapshot().sessions
        let now = HostNetwork.monotonicNanoseconds()
        for session in sessions { session.activity.sampleRates(at: now) }
        if let interfaces = try? HostNetwork.interfaces() { watch(sessions, interfaces) }
        retry(sessions)
    }

    private func watch(_ sessions: [ManagedSession], _ interfaces: [NetworkInterface]) {
        var isUp: [Int32: Bool] = [:]
        for interface in interfaces { isUp[interface.index] = interface.flags.contains(.up) }
        for session in sessions {
            guard let interface = session.running?.interface else { continue }
            let state = session.status.state
            switch isUp[interface.index] {
            case nil:
                registry.suspend(
                    session,
                    SessionError(
                        .interfaceUnavailable,
                        "interface \(interface.name) has gone",
                        errno: "ENODEV"
                    )
                )
            case false? where state == .running:
                session.setDegraded(
                    SessionError(
                        .interfaceUnavailable,
                        "interface \(interface.name) is down",
                        errno: "ENETDOWN"
                    )
                )
            case true? where state == .degraded: session.setDegraded(nil)
            default: break
            }
        }
    }

    private func retry(_ sessions: [ManagedSession]) {
        let stopped = sessions.filter { session in
            let state = session.status.state
            return session.definition != nil && session.running == nil
                && (state == .waiting || state == .failed)
        }
        guard !stopped.isEmpty else { return }
        let deadline = HostNetwork.monotonicNanoseconds() + Self.retryNanosecondsMax
        let first = nextRetry.withLock { $0 }
        for offset in stopped.indices {
            registry.tryToStart(stopped[(first + offset) % stopped.count])
            if HostNetwork.monotonicNanoseconds() >= deadline {
                nextRetry.withLock { $0 = (first + offset + 1) % stopped.count }
                return
            }
        }
    }
}
