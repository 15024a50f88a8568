import RelayModel

// Sessions that run, when the host's interfaces change.

extension RelayEngine {
    /// What has changed for a session that runs, after a change of the host's interfaces.
    package enum PathChange: Sendable {
        /// The interface has another name, address or MTU; the session goes on.
        case interface(RelaySession)
        /// Posted datagrams go elsewhere: the session must be opened again.
        case destination
    }

    /// Follows the interface of a session that runs; nil when nothing has changed, or when the
    /// interface has gone.
    package func followPath(
        of session: RelaySession,
        interfaces: [NetworkInterface]
    ) -> PathChange? {
        guard let path = session.path.refreshed(session.definition, interfaces: interfaces),
            path != session.path
        else { return nil }
        // Without one there is nothing to open it for; it goes on with what it receives.
        if path.destination != nil && path.destination != session.path.destination {
            return .destination
        }
        let next = RelaySession(replacing: session, path: path)
        guard (try? ask({ done in .change(session, to: next, done: done) })) != nil else {
            return nil
        }
        return .interface(next)
    }

    /// Why a session that runs cannot do all its work by its interface, as the host is now; nil when
    /// it can, and when the interface has gone.
    package static func fault(
        of session: RelaySession,
        interfaces: [NetworkInterface]
    ) -> SessionError? {
        guard let index = session.path.interface?.index,
            let interface = interfaces.first(where: { $0.index == index })
        else { return nil }
        let use = LinkUse(session.definition)
        if let fault = use.fault(of: interface) { return fault }
        do throws(SessionError) {
            try use.checkRoute(by: interface)
            return nil
        } catch {
            return error
        }
    }

    /// Stops a session and opens it again on the same interface, with the addresses of now; it is
    /// not served before `start`.
    package func reopen(
        _ session: RelaySession,
        interfaces: [NetworkInterface],
        admits: (InterfaceReference) throws(SessionError) -> Void = { _ in }
    ) throws(SessionError) -> RelaySession {
        stop(session)
        guard let path = session.path.refreshed(session.definition, interfaces: interfaces) else {
            throw SessionError(.interfaceUnavailable, "the interface has gone", errno: "ENODEV")
        }
        return try open(
            session.shared,
            activity: session.activity,
            path: path,
            targetsMayWait: true,
            interfaces: interfaces,
            admits: admits
        )
    }
}
