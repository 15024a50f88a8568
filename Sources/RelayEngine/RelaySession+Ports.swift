import RelayModel

// Which UDP ports a session has, so that it can be told who is in the way of another.

extension RelaySession {
    /// What a session has a port for.
    package enum PortUse: Equatable, Sendable {
        /// Its own socket.
        case session
        /// The target of this index sends from it.
        case target(Int)
        /// The target of this index keeps it for a sender (`sourceMode` preserve).
        case keptSource(Int)
        /// The target of this index has given it to an asker (`mapReplies`).
        case asker(Int)
    }

    /// What the session has a port for that keeps another socket from binding it; nil = nothing.
    ///
    /// - Parameter isShared: whether the other socket would share it (SO_REUSEADDR, socket(7)).
    package func use(
        of port: UInt16,
        _ family: IPAddress.Family,
        inTheWayOf isShared: Bool
    ) -> PortUse? {
        if localEndpoint.port == port, localEndpoint.address.family == family,
            !(isShared && definition.sharesPort)
        {
            return .session
        }
        for (index, target) in targets.enumerated() {
            if let use = target.use(of: port, family, inTheWayOf: isShared, index) { return use }
        }
        return nil
    }

    /// Whether sockets of others than these sessions have a port, so that it would not be free
    /// without them. Sockets of targets are others.
    ///
    /// What takes IPv4 by an IPv6 socket is not found, nor anything where the kernel does not tell.
    package static func isTaken(
        _ port: UInt16,
        _ family: IPAddress.Family,
        besides sessions: [RelaySession]
    ) -> Bool {
        let own = sessions.map(\.socket.number)
        return HostNetwork.portHolders(port, family, besides: own) ?? 0 > 0
    }
}

extension RelayTarget {
    fileprivate func use(
        of port: UInt16,
        _ family: IPAddress.Family,
        inTheWayOf isShared: Bool,
        _ index: Int
    ) -> RelaySession.PortUse? {
        guard case .endpoint(let endpoint) = definition.destination, let egress,
            endpoint.address.family == family
        else { return nil }
        // All but the ports of askers are shared.
        if endpoint.mapReplies != nil,
            activity.mappings().contains(where: { $0.localEndpoint.port == port })
        {
            return .asker(index)
        }
        if isShared { return nil }
        if egress.socket.localEndpoint.port == port { return .target(index) }
        return activity.keepsSourcePort(port) ? .keptSource(index) : nil
    }
}
