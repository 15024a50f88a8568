import RelayEngine
import RelayModel

// How steps open the sockets of sessions, and undo it.
extension RegistryTransaction {
    /// Opens a session and serves it, or lets it wait if its definition allows that.
    mutating func openAndStart(
        _ session: ManagedSession,
        _ definition: SessionDefinition,
        _ context: WriteContext
    ) throws(SessionError) {
        try open(session, definition, context)
        if let opened = session.running { try registry.engine.start(opened) }
    }

    mutating func open(
        _ session: ManagedSession,
        _ definition: SessionDefinition,
        _ context: WriteContext
    ) throws(SessionError) {
        let opened: RelaySession
        do {
            opened = try openVacating(session, definition)
        } catch {
            let isWorthWaiting =
                ![.sessionLimitReached, .forbiddenByPolicy, .forwardLoop, .internal]
                .contains(error.code)
            guard session.mayWait(as: definition), isWorthWaiting else {
                throw explain(error, definition, context)
            }
            session.setStopped(.waiting, registry.explain(error, definition))
            return
        }
        session.setRunning(opened)
        onRollBack { [registry] in registry.engine.stop(opened) }
    }

    /// Opens a session, if need be on a port that another one gives up in this write.
    private mutating func openVacating(
        _ session: ManagedSession,
        _ definition: SessionDefinition
    ) throws(SessionError) -> RelaySession {
        let mayWait = session.mayWait(as: definition)
        do {
            return try registry.open(session, targetsMayWait: mayWait)
        } catch {
            // With violations it is about a target's port, which no session gives up.
            guard error.code == .addressInUse, error.violations.isEmpty,
                canVacate(for: definition)
            else { throw error }
            try registry.rehearse(session, definition, targetsMayWait: mayWait)
            guard vacate(definition.portToBind) else { throw error }
            return try registry.open(session, targetsMayWait: mayWait)
        }
    }

    /// Says who holds a port, to whom asked for it.
    func explain(
        _ error: SessionError,
        _ definition: SessionDefinition,
        _ context: WriteContext
    ) -> SessionError {
        registry.explain(error, definition, besides: retiringNames, context.names)
    }
}
