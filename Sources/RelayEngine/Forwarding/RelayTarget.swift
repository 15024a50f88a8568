import RelayModel

/// A forward target of an open session.
final class RelayTarget: Sendable {
    /// What a target by address sends with.
    struct Egress: Sendable {
        let socket: EgressSocket
        let path: EgressPath
        /// Descriptors at or above this number are not used for more sockets of the target.
        let descriptorCeiling: Int32
        /// How many sockets may keep source ports.
        let sourcePortBudget: SourcePortBudget

        /// The same socket, as the host is now.
        func following(_ path: EgressPath) -> Egress {
            Egress(
                socket: socket,
                path: path,
                descriptorCeiling: descriptorCeiling,
                sourcePortBudget: sourcePortBudget
            )
        }
    }

    let definition: ForwardTarget
    let activity: TargetActivity
    /// nil for a target that another session sends for, and for one that waits for an interface that
    /// it has not.
    let egress: Egress?
    /// Why it waits.
    var reason: SessionError? { boxedReason.wrappedValue }
    private let boxedReason: Boxed<SessionError>

    init(
        _ definition: ForwardTarget,
        activity: TargetActivity,
        egress: Egress? = nil,
        reason: SessionError? = nil
    ) {
        self.definition = definition
        self.activity = activity
        self.egress = egress
        boxedReason = Boxed(wrappedValue: reason)
    }

    /// The same socket, as the host is now.
    ///
    /// - Parameter reason: why it waits all the same: its interface is down, for example.
    func following(_ path: EgressPath, reason: SessionError? = nil) -> RelayTarget {
        RelayTarget(
            definition,
            activity: activity,
            egress: egress?.following(path),
            reason: reason
        )
    }

    /// How it fares; nil for a target that another session sends for.
    var status: TargetStatus? {
        guard case .endpoint = definition.destination else { return nil }
        return TargetStatus(
            reason: reason,
            interface: egress?.path.interface,
            localAddress: localAddress
        )
    }

    /// nil where each datagram has the sender's.
    private var localAddress: Endpoint? {
        if case .endpoint(let endpoint) = definition.destination, endpoint.sourceMode == .preserve {
            return nil
        }
        return egress?.socket.localEndpoint
    }
}

// MARK: - As a source

extension RelayTarget {
    /// Its socket, if it has one, sends from now on.
    func add(to ownSockets: OwnSockets) {
        if let (port, use) = source { ownSockets.add(port, use) }
    }

    /// Its socket sends no longer.
    func remove(from ownSockets: OwnSockets) {
        if let (port, use) = source { ownSockets.remove(port, use) }
    }

    /// A port that the operator chose may be shared with other programs.
    private var source: (port: UInt16, use: OwnSockets.Use)? {
        guard case .endpoint(let endpoint) = definition.destination, let egress else { return nil }
        return (
            egress.socket.localEndpoint.port,
            endpoint.localPort == 0 ? .relaying : .shared
        )
    }
}
