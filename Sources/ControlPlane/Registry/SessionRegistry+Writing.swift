import RelayModel
import SessionStore

// Writes to one session, on the control thread. When one returns, it is done and stored; when it
// throws, nothing has changed.
extension SessionRegistry {
    /// Makes a session; it is bound, joined, stored and served, or it waits, as its definition
    /// allows.
    ///
    /// - Parameter remember: what is to be stored together with the session.
    func create(
        _ definition: SessionDefinition,
        _ context: WriteContext,
        remember: (ManagedSession) -> [StoreChange] = { _ in [] }
    ) throws(SessionError) -> ManagedSession {
        if session(definition.name) != nil {
            throw SessionError(
                .nameInUse,
                "there is a session \(definition.name) already; choose another name"
            )
        }
        var transaction = RegistryTransaction(self)
        let session = try transaction.step { transaction throws(SessionError) in
            try transaction.create(definition, context)
        }
        for change in remember(session) { transaction.store(change) }
        try transaction.commit()
        return session
    }

    /// Sees to it that there is a session as it is defined: makes it, changes it where it can go
    /// on with its socket, or opens it anew. An equal one is not touched.
    func put(
        _ definition: SessionDefinition,
        _ preconditions: Preconditions = .none,
        _ context: WriteContext
    ) throws(SessionError) -> (ManagedSession, WriteOutcome) {
        var transaction = RegistryTransaction(self)
        let result = try transaction.step { transaction throws(SessionError) in
            try transaction.put(definition, preconditions, context)
        }
        try transaction.commit()
        return result
    }

    /// Ends a session; no more of its datagrams are handled, its group is left and its definition
    /// is gone.
    func delete(
        _ name: SessionName,
        _ preconditions: Preconditions = .none,
        _ context: WriteContext
    ) throws(SessionError) {
        guard let session = session(name) else {
            try preconditions.check(nil, name)
            throw Self.notFound(name)
        }
        try preconditions.check(session, name)
        var transaction = RegistryTransaction(self)
        try transaction.delete(session, context)
        try transaction.commit()
    }

    /// Ends the sessions that `isMeant` chooses, all of them or none; their names.
    func deleteAll(
        where isMeant: (ManagedSession) -> Bool,
        _ context: WriteContext
    ) throws(SessionError) -> [SessionName] {
        var transaction = RegistryTransaction(self)
        let meant = transaction.before.sessions.filter(isMeant)
        for session in meant { try transaction.delete(session, context) }
        try transaction.commit()
        return meant.map(\.name)
    }
}
