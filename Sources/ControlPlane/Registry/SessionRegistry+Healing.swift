import Logging
import RelayEngine
import RelayModel

// What keeps sessions as they are wanted, on the control thread: nobody asked, so whoever watches
// is told.
extension SessionRegistry {
    /// Tries to start a session that has no socket.
    func tryToStart(_ session: ManagedSession) {
        guard let definition = session.definition else { return }
        start(session, definition) { () throws(SessionError) in
            if let loop = loop(through: session) { throw loop }
            return try open(session, targetsMayWait: true)
        }
    }

    /// Opens a session anew whose datagrams must go elsewhere, since its interface was renumbered.
    func reopen(
        _ session: ManagedSession,
        _ running: RelaySession,
        interfaces: [NetworkInterface]
    ) {
        start(session, running.definition) { () throws(SessionError) in
            try engine.reopen(running, interfaces: interfaces, admits: admits)
        }
    }

    private func start(
        _ session: ManagedSession,
        _ definition: SessionDefinition,
        _ open: () throws(SessionError) -> RelaySession
    ) {
        let before = session.status
        do throws(SessionError) {
            let opened = try open()
            do throws(SessionError) {
                try engine.start(opened)
            } catch {
                engine.stop(opened)
                throw error
            }
            session.setRunning(opened)
            log("session started", session)
            events.stateChanged(session)
        } catch {
            let mayWait =
                error.code == .interfaceUnavailable || error.code == .networkUnreachable
                || session.mayWait(as: definition)
            let isFinal = [.forbiddenByPolicy, .forwardLoop, .handlerNotFound].contains(error.code)
            let isWaiting = mayWait && !isFinal
            session.setStopped(isWaiting ? .waiting : .failed, explain(error, definition))
            let status = session.status
            guard status.state != before.state || status.reason?.code != before.reason?.code
            else { return }
            log("session cannot start", session)
            events.stateChanged(session)
        }
    }

    /// Takes the socket from a session whose interface has gone; it waits for another.
    func waitAgain(_ session: ManagedSession, _ reason: SessionError) {
        if let running = session.running { engine.stop(running) }
        session.setStopped(.waiting, reason)
        log("session waits", session)
        events.stateChanged(session)
    }

    /// Stops the sessions that the policy refuses now, or whose handler is gone; they are failed
    /// until it, or they, change.
    func enforcePolicy() {
        let policy = policy
        for session in snapshot().sessions {
            guard let running = session.running else { continue }
            let targets = running.targetStatuses.compactMap { $0?.interface }
            let interfaces = [running.interface].compactMap(\.self) + targets
            let refusal =
                refusal(of: running.definition)
                ?? interfaces.lazy.compactMap { policy.refusal(ofInterface: $0.name) }.first
                ?? engine.refusal(of: running.definition)
            guard let refusal else { continue }
            engine.stop(running)
            session.setStopped(.failed, refusal)
            log("session stopped by the configuration", session)
            events.stateChanged(session)
        }
    }

    /// The session works only in part, or wholly again.
    func setDegraded(_ session: ManagedSession, _ reason: SessionError?) {
        session.setDegraded(reason)
        events.stateChanged(session)
    }

    /// The session's interface has another name or address; by another name the operator's policy
    /// may forbid it.
    func follow(_ session: ManagedSession, _ running: RelaySession) {
        if let interface = running.interface,
            let refusal = policy.refusal(ofInterface: interface.name)
        {
            engine.stop(running)
            session.setStopped(.failed, refusal)
            log("session stopped: its interface was renamed", session)
            return events.stateChanged(session)
        }
        if session.setRunning(followed: running) { events.stateChanged(session) }
    }

    /// Gives targets of `forward` that wait their sockets where that is possible by now, and those
    /// whose interface has gone, or is another one, new ones.
    func refreshTargets(
        _ session: ManagedSession,
        _ running: RelaySession,
        interfaces: [NetworkInterface]
    ) {
        guard
            let next = engine.refreshTargets(running, interfaces: interfaces, admits: admits)
        else { return }
        session.setRunning(updated: next)
        for (index, (old, new)) in zip(running.targetStatuses, next.targetStatuses).enumerated()
        where old != new {
            var metadata: Logger.Metadata = [
                "session": "\(session.name)", "id": "\(session.id)", "target": "\(index)",
            ]
            if let reason = new?.reason {
                metadata["reason"] = "\(reason.code.rawValue)"
                metadata["detail"] = "\(reason.detail)"
            }
            logger.info(new?.reason == nil ? "target runs" : "target waits", metadata: metadata)
        }
        events.stateChanged(session)
    }

    /// Undoes a change in place; where that fails, the session is opened anew.
    func takeBack(
        _ session: ManagedSession,
        _ running: RelaySession,
        from updated: RelaySession
    ) {
        do throws(SessionError) {
            session.setRunning(
                updated: try engine.update(
                    updated,
                    to: running.definition,
                    targetsMayWait: true,
                    restoring: running,
                    admits: admits
                )
            )
        } catch {
            engine.stop(updated)
            session.setStopped(.waiting, error)
            tryToStart(session)
        }
    }
}
