import RelayEngine
import RelayModel

// Who is in the way of a session that wants a UDP port.
extension SessionRegistry {
    /// A port that could not be bound.
    private struct WantedPort {
        let number: UInt16
        let family: IPAddress.Family
        /// Whether it would be shared (SO_REUSEADDR, socket(7)).
        let isShared: Bool
        /// Whether a target wants it.
        let isOfTarget: Bool

        /// The port that an error is about; nil where it is about none that was asked for.
        init?(_ error: SessionError, _ definition: SessionDefinition) {
            guard let index = error.violations.first?.index else {
                (number, family) = (definition.portToBind, definition.family)
                (isShared, isOfTarget) = (definition.sharesPort, false)
                return
            }
            guard definition.forward.indices.contains(index),
                case .endpoint(let endpoint) = definition.forward[index].destination,
                endpoint.localPort != 0
            else { return nil }
            (number, family) = (endpoint.localPort, endpoint.address.family)
            (isShared, isOfTarget) = (true, true)
        }

        /// Whether it is the session's own port, which it does not share.
        func isOwn(of definition: SessionDefinition) -> Bool {
            isOfTarget && number == definition.portToBind && family == definition.family
                && !definition.sharesPort
        }
    }

    /// Says who holds an address that is in use, and what to do; a session by its name only where
    /// `names` allows: not everybody who sees one session may know of the other.
    ///
    /// - Parameter besides: sessions that would have made room.
    func explain(
        _ error: SessionError,
        _ definition: SessionDefinition,
        besides: Set<SessionName> = [],
        _ names: (ManagedSession) -> Bool
    ) -> SessionError {
        guard error.code == .addressInUse, let port = WantedPort(error, definition) else {
            return error
        }
        let holder =
            port.isOwn(of: definition)
            ? "by the session itself, which does not share it; use another port"
            : holder(of: port, besides: besides.union([definition.name]), names)
        let detail = "\(error.detail), held \(holder)"
        return SessionError(
            error.code,
            detail,
            errno: error.errno,
            violations: error.violations.map { violation in
                FieldViolation(
                    violation.field,
                    index: violation.index,
                    member: violation.member,
                    violation.reason,
                    detail
                )
            }
        )
    }

    /// The same where everybody reads it who may see the session.
    func explain(_ error: SessionError, _ definition: SessionDefinition) -> SessionError {
        explain(error, definition) { namesOpenly(definition.labels, $0.labels) }
    }

    private func holder(
        of port: WantedPort,
        besides: Set<SessionName>,
        _ names: (ManagedSession) -> Bool
    ) -> String {
        for session in snapshot().sessions where !besides.contains(session.name) {
            let use = session.running?.use(of: port.number, port.family, inTheWayOf: port.isShared)
            guard let use else { continue }
            return Self.describe(
                use,
                names(session) ? "session \(session.name)" : "another session"
            )
        }
        return "by another program; use another port"
            + (port.isShared ? ", or have it set SO_REUSEADDR" : "")
    }

    private static func describe(_ use: RelaySession.PortUse, _ session: String) -> String {
        switch use {
        case .session: "by \(session); use another port"
        case .target(let index):
            "by target \(index) of \(session), which sends from it; use another port"
        case .keptSource(let index):
            "by target \(index) of \(session), which keeps it for a sender (sourceMode preserve) until "
                + "30 s after its last datagram; use another port, or try again then"
        case .asker(let index):
            "by target \(index) of \(session), which has given it to an asker (mapReplies); use "
                + "another port"
        }
    }
}
