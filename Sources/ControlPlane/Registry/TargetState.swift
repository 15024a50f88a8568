import RelayEngine
import RelayModel

/// How one target of a session fares, as a client is told.
struct TargetState: Sendable {
    /// Why nothing is sent to it for now; nil = it is.
    let reason: SessionError?
    /// The outbound interface of an address.
    var interface: InterfaceReference?
    /// What the socket of an address is bound to.
    var localAddress: Endpoint?
}

extension ManagedSession {
    /// How the targets fare, in the order of the definition.
    func targetStates() -> [TargetState] {
        guard let definition, !definition.forward.isEmpty else { return [] }
        let running = running
        // While it changes, it may run with other targets than it shows.
        let statuses =
            running?.definition.forward == definition.forward
            ? running?.targetStatuses : nil
        let sessions = targetSessions
        return definition.forward.enumerated().map { index, target in
            guard running != nil else { return TargetState(reason: notRunning) }
            switch target.destination {
            case .session(let name): return Self.state(of: sessions[name], name)
            case .endpoint:
                guard let statuses, index < statuses.count, let status = statuses[index] else {
                    return TargetState(reason: nil)
                }
                return TargetState(
                    reason: status.reason,
                    interface: status.interface,
                    localAddress: status.localAddress
                )
            }
        }
    }

    private static func state(of session: ManagedSession?, _ name: SessionName) -> TargetState {
        guard let session else { return TargetState(reason: SessionRegistry.notFound(name)) }
        if session.definition?.sends == false {
            return TargetState(reason: SessionError(.cannotSend, "session \(name) only receives"))
        }
        return TargetState(reason: session.running == nil ? session.notRunning : nil)
    }

    private var notRunning: SessionError {
        SessionError(.sessionNotRunning, "session \(name) is \(status.state.rawValue)")
    }
}

extension SessionDefinition {
    /// The sessions that it forwards to.
    var targetSessions: [SessionName] {
        forward.compactMap { target in
            if case .session(let name) = target.destination { name } else { nil }
        }
    }
}
