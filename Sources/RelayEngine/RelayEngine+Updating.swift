import RelayModel

extension RelayEngine {
    /// Changes a session in place, started or not: the same socket, path and activity with another
    /// definition. No datagram is lost or counted twice; counters, sequence numbers and what waits
    /// to be sent go on.
    ///
    /// Only fields that are mutable in place may differ. A datagram that waits in the socket is
    /// judged by the new filter; its source the kernel has judged by the old one. The value given
    /// stays good for `send` and `stop`. Throws `SessionError` where the kernel refuses a step;
    /// then the session is as it was.
    ///
    /// The change from any source to some, or back, is two stores in the kernel, and a datagram
    /// that comes between them is dropped: a window of about 100 ns, measured with a change every
    /// millisecond. The change from sources to other sources has none.
    ///
    /// - Parameters:
    ///   - targetsMayWait: whether a target of `forward` that cannot be sent to now waits.
    ///   - former: what the session was before a change that is taken back: its targets go on
    ///     counting.
    ///   - admits: throws where the session must not use this interface.
    package func update(
        _ session: RelaySession,
        to definition: SessionDefinition,
        targetsMayWait: Bool = false,
        restoring former: RelaySession? = nil,
        admits: (InterfaceReference) throws(SessionError) -> Void = { _ in }
    ) throws(SessionError) -> RelaySession {
        precondition(session.definition.canChangeInPlace(to: definition), "needs another socket")
        guard session.socket.isOpen else {
            throw SessionError(.sessionNotRunning, "the session was stopped")
        }
        let handler = try handlerQueue(of: definition)
        try change(session, from: session.definition, to: definition)
        do throws(SessionError) {
            let targets = try changedTargets(
                session,
                definition,
                former: former?.targets.map(\.activity) ?? [],
                targetsMayWait,
                admits
            )
            let next = try updated(session, definition, handler, targets)
            do throws(SessionError) {
                try ask { done in .change(session, to: next, done: done) }
            } catch {
                Self.closeTargets(of: next, notIn: session)
                throw error
            }
            Self.closeTargets(of: session, notIn: next)
            handlers.waitForStart()
            return next
        } catch {
            // What cannot be set back has gone with its interface, which is watched elsewhere.
            _ = try? change(session, from: definition, to: session.definition)
            throw error
        }
    }

    /// Sets the options that need not wait for the relay thread, all or none of them.
    private func change(
        _ session: RelaySession,
        from previous: SessionDefinition,
        to next: SessionDefinition
    ) throws(SessionError) {
        do {
            try session.socket.change(
                SessionSocket.fieldsOfReceiving,
                from: previous,
                to: next,
                interfaceIndex: session.path.interface?.index ?? 0
            )
        } catch {
            throw SessionError(error)
        }
    }

    private func changedTargets(
        _ session: RelaySession,
        _ definition: SessionDefinition,
        former: [TargetActivity],
        _ targetsMayWait: Bool,
        _ admits: (InterfaceReference) throws(SessionError) -> Void
    ) throws(SessionError) -> [RelayTarget] {
        if definition.forward == session.definition.forward { return session.targets }
        return try openTargets(
            definition,
            path: session.path,
            activity: session.activity,
            keeping: session.targets,
            former: former,
            mayWait: targetsMayWait,
            interfaces: try Self.interfaces(),
            admits: admits
        )
    }

    private func updated(
        _ session: RelaySession,
        _ definition: SessionDefinition,
        _ handler: HandlerQueue?,
        _ targets: [RelayTarget]
    ) throws(SessionError) -> RelaySession {
        do {
            return RelaySession(
                SharedDefinition(definition),
                activity: session.activity,
                path: session.path,
                socket: session.socket,
                handler: handler,
                targets: targets,
                receiveBufferBytes: try session.socket.grantedReceiveBufferBytes()
            )
        } catch {
            throw SessionError(error)
        }
    }
}
