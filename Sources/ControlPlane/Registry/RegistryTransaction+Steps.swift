import RelayEngine
import RelayModel
import SessionStore

// The steps of writes. Each throws before it has an effect, or after it has said how to undo it.
extension RegistryTransaction {
    /// A new session under a name that is free.
    mutating func create(
        _ definition: SessionDefinition,
        _ context: WriteContext
    ) throws(SessionError) -> ManagedSession {
        try requireRoom()
        try requirePolicy(definition)
        try requireTargets(definition, replacing: nil, context)
        let session = ManagedSession(creating: definition, origin: context.origin)
        if definition.enabled { try openAndStart(session, definition, context) }
        if session.isStored { store(.insert(StoredSession(session, definition))) }
        publish(session, as: session.name)
        onPublish { [registry] in
            registry.log("session created", session, requestID: context.requestID)
            registry.events.created(session)
        }
        return session
    }

    /// A session as it is defined, whether there is one or not.
    mutating func put(
        _ definition: SessionDefinition,
        _ preconditions: Preconditions,
        _ context: WriteContext
    ) throws(SessionError) -> (ManagedSession, WriteOutcome) {
        let old = before[definition.name]
        try preconditions.check(old, definition.name)
        guard let old else { return (try create(definition, context), .created) }
        if old.definition == definition { return (old, .unchanged) }
        try requireOwner(of: old, context)
        // What is switched off harms nobody.
        if definition.enabled { try requirePolicy(definition) }
        try requireTargets(definition, replacing: old.definition, context)
        let isInPlace = old.definition?.canChangeInPlace(to: definition) ?? false
        let new =
            isInPlace
            ? ManagedSession(changing: old, to: definition)
            : ManagedSession(replacing: old, with: definition)
        if isInPlace {
            try change(old, to: new, definition, context)
        } else {
            try replace(old, by: new, definition, context)
        }
        storeChange(from: old, to: new, definition)
        publish(new, as: new.name)
        onPublish { [registry] in
            registry.log("session updated", new, requestID: context.requestID)
            registry.events.updated(new, from: old)
            // The reason may be gone with this change.
            if isInPlace && new.status.state == .failed { registry.tryToStart(new) }
        }
        return (new, .updated)
    }

    /// What `put` would do, as far as can be said without doing it: whether the system has the
    /// address, the interface and the group is not tried.
    mutating func foresee(
        _ definition: SessionDefinition,
        _ old: ManagedSession?,
        _ context: WriteContext
    ) throws(SessionError) -> WriteOutcome {
        if old?.definition != definition, old == nil || definition.enabled {
            try requirePolicy(definition)
        }
        if definition.enabled, definition.whenUnavailable == .fail,
            let refusal = registry.engine.refusal(of: definition)
        {
            throw refusal
        }
        guard let old else {
            try requireRoom()
            foreseeCreation()
            return .created
        }
        if old.definition == definition { return .unchanged }
        try requireOwner(of: old, context)
        return .updated
    }

    /// No session of this name.
    mutating func delete(
        _ session: ManagedSession,
        _ context: WriteContext
    ) throws(SessionError) {
        try requireOwner(of: session, context)
        retire(session)
        if session.isStored { store(.delete(name: session.storedName)) }
        publish(nil, as: session.name)
        onPublish { [registry] in
            registry.stop(session)
            registry.log("session deleted", session, requestID: context.requestID)
            registry.events.deleted(session)
        }
    }

    private func requireRoom() throws(SessionError) {
        guard sessionCount < registry.sessionsMax else {
            throw SessionError(
                .sessionLimitReached,
                "there are \(registry.sessionsMax) sessions already; delete some or raise "
                    + "sessionsMax"
            )
        }
    }

    private func requirePolicy(_ definition: SessionDefinition) throws(SessionError) {
        if let refusal = registry.refusal(of: definition) { throw refusal }
    }

    private func requireTargets(
        _ definition: SessionDefinition,
        replacing old: SessionDefinition?,
        _ context: WriteContext
    ) throws(SessionError) {
        guard checksTargets else { return }
        try registry.checkTargets(of: definition, replacing: old, in: before, context)
    }

    /// What the configuration file says is changed there.
    private func requireOwner(
        of session: ManagedSession,
        _ context: WriteContext
    ) throws(SessionError) {
        guard session.origin == context.origin else {
            throw SessionError(
                .managedByConfiguration,
                "session \(session.name) is defined in the configuration file; change it there "
                    + "and send the daemon SIGHUP"
            )
        }
    }

    private mutating func storeChange(
        from old: ManagedSession,
        to new: ManagedSession,
        _ definition: SessionDefinition
    ) {
        switch (old.isStored, new.isStored) {
        case (true, true) where old.storedName == new.storedName:
            store(.replace(StoredSession(new, definition)))
        case (true, true):
            store(.delete(name: old.storedName))
            store(.insert(StoredSession(new, definition)))
        case (true, false): store(.delete(name: old.storedName))
        case (false, true): store(.insert(StoredSession(new, definition)))
        case (false, false): break
        }
    }

    // MARK: - In place

    /// The socket, the counters and what is remembered go on.
    private mutating func change(
        _ old: ManagedSession,
        to new: ManagedSession,
        _ definition: SessionDefinition,
        _ context: WriteContext
    ) throws(SessionError) {
        guard let running = old.running else {
            onPublish { old.activity.resizeRing(definition) }
            if !definition.enabled {
                new.setStopped(.disabled, ManagedSession.isDisabled)
            } else if old.status.state == .disabled {
                try openAndStart(new, definition, context)
            }
            return
        }
        if definition.enabled {
            // What is remembered of packets cannot be taken back, so that comes last.
            var reversible = definition
            reversible.recentPackets = running.definition.recentPackets
            reversible.snapLength = running.definition.snapLength
            let updated: RelaySession
            do {
                updated = try registry.engine.update(
                    running,
                    to: reversible,
                    targetsMayWait: new.mayWait(as: definition),
                    admits: registry.admits
                )
            } catch {
                throw explain(error, definition, context)
            }
            onPublish { old.activity.resizeRing(definition) }
            new.setRunning(updated: updated)
            onRollBack { [registry] in
                registry.takeBack(old, running, from: updated)
            }
        } else {
            retire(old)
            new.setStopped(.disabled, ManagedSession.isDisabled)
            onPublish { [registry] in
                registry.engine.stop(running)
                old.activity.resizeRing(definition)
            }
        }
    }

    // MARK: - With another socket

    /// The new socket is open before the old one is closed, unless they cannot be at once. It is
    /// served after it, so that no datagram is answered twice.
    private mutating func replace(
        _ old: ManagedSession,
        by new: ManagedSession,
        _ definition: SessionDefinition,
        _ context: WriteContext
    ) throws(SessionError) {
        retire(old)
        if definition.enabled { try open(new, definition, context) }
        onPublish { [registry] in registry.stop(old) }
        onStored { [registry] in
            if let running = old.running { registry.engine.stop(running) }
            guard let opened = new.running else { return }
            do throws(SessionError) {
                try registry.engine.start(opened)
            } catch {
                registry.engine.stop(opened)
                new.setStopped(.failed, error)
            }
        }
    }
}
