import RelayModel

/// The sessions that have one port open at a time, and what that means for its unicast.
///
/// The kernel gives a unicast datagram to one of the sockets that share a port by SO_REUSEADDR: the
/// one that was bound last, whatever interface its session uses, and whether that accepts unicast
/// or not. The rule is here alone.
struct UnicastSharing {
    /// In the order in which their sockets were opened.
    private let sessions: [ManagedSession]
    private let port: SharedPorts.Port
    private let namesOpenly: (ManagedSession, ManagedSession) -> Bool

    /// - Parameters:
    ///   - candidates: the sessions that bind the port when they run.
    ///   - namesOpenly: whether every caller who may see the first session may see the second.
    init(
        _ candidates: [ManagedSession],
        _ port: SharedPorts.Port,
        namesOpenly: @escaping (ManagedSession, ManagedSession) -> Bool
    ) {
        self.port = port
        self.namesOpenly = namesOpenly
        let open = candidates.compactMap { session in
            session.running.map { (session: session, order: $0.openingOrder) }
        }
        sessions = open.sorted { $0.order < $1.order }.map(\.session)
    }

    /// What each session is told that is concerned: those that accept unicast, unless the only one
    /// of them is the one that gets it.
    func details() -> [SessionName: String] {
        guard let last = sessions.last, sessions.count > 1 else { return [:] }
        let deaf = sessions.dropLast().filter(Self.acceptsUnicast)
        guard let first = deaf.first else { return [:] }
        var details: [SessionName: String] = [:]
        for session in deaf { details[session.name] = detail(of: session, losingTo: last) }
        if Self.acceptsUnicast(last) {
            details[last.name] = detail(of: last, takingFrom: first, and: deaf.count - 1)
        }
        return details
    }

    private static func acceptsUnicast(_ session: ManagedSession) -> Bool {
        session.definition?.accept.contains(.unicast) ?? false
    }

    private func detail(of session: ManagedSession, losingTo last: ManagedSession) -> String {
        let name = name(of: last, for: session)
        if Self.acceptsUnicast(last) {
            return "\(name) gets all unicast to UDP port \(port.number), since it was opened last, "
                + "and this session none; use another port, or take unicast out of `accept`"
        }
        return "\(name) was opened last on UDP port \(port.number) and gets its unicast, which it "
            + "does not accept; use another port, or disable and enable this session"
    }

    private func detail(
        of session: ManagedSession,
        takingFrom first: ManagedSession,
        and others: Int
    ) -> String {
        let more = others == 0 ? "" : " and \(others) more"
        return "this session was opened last and gets all unicast to UDP port \(port.number), "
            + "\(name(of: first, for: session))\(more) none; use another port, or take unicast out "
            + "of `accept` there"
    }

    private func name(of other: ManagedSession, for session: ManagedSession) -> String {
        namesOpenly(session, other) ? "session \(other.name)" : "another session"
    }
}
