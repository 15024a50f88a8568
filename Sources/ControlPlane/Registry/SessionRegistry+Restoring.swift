import Logging
import RelayModel
import SessionStore

// What the daemon begins with, and what the configuration file says now; on the control thread,
// or before it has begun to work.
extension SessionRegistry {
    /// Brings back every stored session, and adds those of the configuration file; what cannot
    /// start waits or is failed, with the reason.
    ///
    /// A stored session of a name that the file defines stays in the store, but is not served as
    /// long as the file defines it. Which of those runs that cannot be together is as before: see
    /// `RestoringOrder`.
    func restore(configured: [SessionDefinition] = []) throws(StoreError) {
        let names = Set(configured.map(\.name))
        var sessions: [ManagedSession] = []
        for stored in try store.all() {
            let session = ManagedSession(restoring: stored)
            if names.contains(session.name) {
                warnOfShadow(session.name)
                continue
            }
            sessions.append(session)
        }
        sessions += configured.map { ManagedSession(creating: $0, origin: .configuration) }
        for session in RestoringOrder.sorted(sessions) { add(session) }
    }

    /// Follows a new version of the file: what it defines as before goes on untouched.
    func reload(configured: [SessionDefinition]) {
        let names = Set(configured.map(\.name))
        let gone = snapshot().sessions.filter {
            $0.origin == .configuration && !names.contains($0.name)
        }
        for session in gone { drop(session) }
        restoreShadowed(Set(gone.map(\.name)))
        // The file has no circle in itself, but one definition can be possible only after another
        // has let go of a target.
        var rest = configured
        while !rest.isEmpty {
            let blocked = rest.filter { !follow($0, mayTryAgain: true) }
            if blocked.count == rest.count {
                for definition in blocked { _ = follow(definition, mayTryAgain: false) }
                return
            }
            rest = blocked
        }
    }

    /// Makes a session be as the file defines it; false where it may yet be possible.
    private func follow(_ definition: SessionDefinition, mayTryAgain: Bool) -> Bool {
        if let present = session(definition.name), present.origin == .api {
            warnOfShadow(present.name)
            drop(present)
        }
        do {
            _ = try put(definition, .none, .configuration)
        } catch {
            if mayTryAgain && (error.code == .forwardLoop || error.code == .cannotSend) {
                return false
            }
            logger.error(
                "a session of the configuration file cannot be as it is defined there",
                metadata: [
                    "session": "\(definition.name)", "code": "\(error.code.rawValue)",
                    "detail": "\(error.detail)",
                ]
            )
            // As at the start: whoever looks finds it there, with the reason.
            guard session(definition.name) == nil else { return true }
            let refused = ManagedSession(creating: definition, origin: .configuration)
            add(refused)
            events.created(refused)
        }
        return true
    }

    /// Ends a session, but leaves what is stored of it.
    private func drop(_ session: ManagedSession) {
        update([session.name: nil])
        stop(session)
        log("session deleted", session)
        events.deleted(session)
    }

    /// Brings stored sessions back whose names the file no longer defines.
    private func restoreShadowed(_ names: Set<SessionName>) {
        if names.isEmpty { return }
        let all: [StoredSession]
        do {
            all = try store.all()
        } catch {
            logger.error("store failed", metadata: ["error": "\(error.sentence)"])
            return
        }
        for stored in all {
            guard let name = SessionName(stored.name), names.contains(name) else { continue }
            let session = ManagedSession(restoring: stored)
            update([name: session])
            log("session restored", session)
            // Before it starts, of which whoever watches is told, too.
            events.created(session)
            if session.status.state == .waiting { tryToStart(session) }
        }
    }

    private func add(_ session: ManagedSession) {
        update([session.name: session])
        if session.status.state == .waiting { tryToStart(session) }
        let state = session.status.state
        if state == .waiting || state == .failed { log("session cannot start", session) }
    }

    private func warnOfShadow(_ name: SessionName) {
        logger.warning(
            """
            the configuration file defines a session that the API has made; it goes first, and \
            what is stored of the other is kept
            """,
            metadata: ["session": "\(name)"]
        )
    }
}
