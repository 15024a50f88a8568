import HTTPHosting
import Logging
import RelayEngine
import RelayModel
import SessionStore

/// Ties the sessions that are wanted to those that run: the store keeps the definitions, the
/// engine moves the datagrams.
///
/// Reads take a snapshot and never wait. Writes run one at a time on the control thread: each
/// opens, persists and starts, and is undone in reverse when a step fails.
final class SessionRegistry: Sendable {
    let engine: RelayEngine
    let logger: Logger
    private let store: any DefinitionStore
    private let sessionsMax: Int
    private let directory = Locked(SessionDirectory())

    init(engine: RelayEngine, store: any DefinitionStore, sessionsMax: Int, logger: Logger) {
        self.engine = engine
        self.store = store
        self.sessionsMax = sessionsMax
        self.logger = logger
    }

    // MARK: - Reads, on any thread

    func snapshot() -> SessionDirectory { directory.withLock { $0 } }

    func session(_ name: SessionName) -> ManagedSession? { snapshot()[name] }

    // MARK: - Writes, on the control thread

    /// Makes a session; when this returns it is bound, joined, stored and served, or it waits, as
    /// its definition allows.
    func create(
        _ definition: SessionDefinition,
        requestID: String
    ) throws(SessionError) -> ManagedSession {
        let existing = snapshot()
        if existing[definition.name] != nil {
            throw SessionError(
                .nameInUse,
                "there is a session \(definition.name) already; choose another name"
            )
        }
        guard existing.sessions.count < sessionsMax else {
            throw SessionError(
                .sessionLimitReached,
                "there are \(sessionsMax) sessions already; delete some or raise sessionsMax"
            )
        }
        let session = ManagedSession(creating: definition)
        try openOrWait(session, definition)
        do {
            try persist(session, definition)
            try startOpened(session)
        } catch {
            stop(session)
            throw error
        }
        directory.withLock { $0.insert(session) }
        log("session created", session, requestID: requestID)
        return session
    }

    /// Ends a session; when this returns, no more of its datagrams are handled, its group is left
    /// and its definition is gone.
    func delete(
        _ name: SessionName,
        ifMatch condition: EntityTagCondition?,
        requestID: String
    ) throws(SessionError) {
        guard let session = session(name) else { throw Self.notFound(name) }
        if let condition, !condition.admits(session.entityTag) {
            throw SessionError(
                .preconditionFailed,
                "session \(name) is \(session.entityTag) now, not what If-Match says; read it again"
            )
        }
        if session.definition?.persist ?? true { try forget(session) }
        directory.withLock { $0.remove(name) }
        stop(session)
        log("session deleted", session, requestID: requestID)
    }

    static func notFound(_ name: SessionName) -> SessionError {
        SessionError(.sessionNotFound, "there is no session \(name)")
    }

    /// Stops every session, but keeps the definitions.
    func stopAll() {
        for session in snapshot().sessions { stop(session) }
    }

    // MARK: - Steps of a write

    private func openOrWait(
        _ session: ManagedSession,
        _ definition: SessionDefinition
    ) throws(SessionError) {
        guard definition.enabled else { return }
        do {
            session.setRunning(try engine.open(definition, activity: session.activity))
        } catch {
            let isWorthWaiting = error.code != .sessionLimitReached && error.code != .internal
            guard definition.whenUnavailable == .wait, isWorthWaiting else {
                throw explain(error, definition)
            }
            session.setStopped(.waiting, error)
        }
    }

    /// Names the session that holds the address.
    private func explain(_ error: SessionError, _ definition: SessionDefinition) -> SessionError {
        guard error.code == .addressInUse else { return error }
        let holder = snapshot().sessions.first { session in
            guard let local = session.running?.localEndpoint else { return false }
            return local.port == definition.portToBind
                && local.address.family == definition.family
        }
        let detail = holder.map { "held by session \($0.name)" } ?? "held by another program"
        return SessionError(error.code, "\(error.detail), \(detail)", errno: error.errno)
    }

    private func persist(
        _ session: ManagedSession,
        _ definition: SessionDefinition
    ) throws(SessionError) {
        guard definition.persist else { return }
        do {
            try store.insert(StoredSession(session, definition))
        } catch {
            throw storeFailure("store", error)
        }
    }

    private func forget(_ session: ManagedSession) throws(SessionError) {
        do {
            try store.delete(name: session.storedName)
        } catch {
            throw storeFailure("delete", error)
        }
    }

    private func storeFailure(_ operation: String, _ error: StoreError) -> SessionError {
        logger.error(
            "store failed",
            metadata: ["operation": "\(operation)", "error": "\(error.sentence)"]
        )
        // The sentence names paths and is for whoever runs the daemon.
        return SessionError(
            .internal,
            "the definition could not be written (\(error.kind.rawValue)); the log says why"
        )
    }

    private func startOpened(_ session: ManagedSession) throws(SessionError) {
        guard let running = session.running else { return }
        do {
            try engine.start(running)
        } catch {
            // What cannot be forgotten is logged; it is the refused start that the client hears of.
            if session.definition?.persist == true { _ = try? forget(session) }
            throw error
        }
    }

    private func stop(_ session: ManagedSession) {
        if let running = session.running {
            engine.stop(running)
            session.setStopped(
                .disabled,
                SessionError(.disabled, "the session was deleted, or the daemon stops")
            )
        }
        session.activity.recentPackets.wakeAll()
    }

    private func log(
        _ message: Logger.Message,
        _ session: ManagedSession,
        requestID: String? = nil
    ) {
        var metadata: Logger.Metadata = [
            "session": "\(session.name)", "id": "\(session.id)",
            "kind": "\(session.kind.rawValue)",
        ]
        if let requestID { metadata["requestId"] = "\(requestID)" }
        if let reason = session.status.reason, session.status.state != .disabled {
            metadata["reason"] = "\(reason.code.rawValue)"
            metadata["detail"] = "\(reason.detail)"
        }
        logger.info(message, metadata: metadata)
    }
}

// MARK: - Restoring and healing, on the control thread

extension SessionRegistry {
    /// Brings back every stored session; what cannot start waits or is failed, with the reason.
    func restore() throws(StoreError) {
        for stored in try store.all() {
            let session = ManagedSession(restoring: stored)
            directory.withLock { $0.insert(session) }
            if session.status.state == .waiting { tryToStart(session) }
        }
    }

    /// Tries to start a session that has no socket.
    func tryToStart(_ session: ManagedSession) {
        guard let definition = session.definition else { return }
        start(session, definition) { () throws(SessionError) in
            try engine.open(definition, activity: session.activity)
        }
    }

    /// Opens a session anew whose datagrams must go elsewhere, since its interface was renumbered.
    func reopen(
        _ session: ManagedSession,
        _ running: RelaySession,
        interfaces: [NetworkInterface]
    ) {
        start(session, running.definition) { () throws(SessionError) in
            try engine.reopen(running, interfaces: interfaces)
        }
    }

    private func start(
        _ session: ManagedSession,
        _ definition: SessionDefinition,
        _ open: () throws(SessionError) -> RelaySession
    ) {
        let before = session.status.state
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
        } catch {
            let isWaiting =
                error.code == .interfaceUnavailable || error.code == .networkUnreachable
                || definition.whenUnavailable == .wait
            session.setStopped(isWaiting ? .waiting : .failed, explain(error, definition))
            if session.status.state != before { log("session cannot start", session) }
        }
    }

    /// Takes the socket from a session whose interface has gone; it waits for another.
    func waitAgain(_ session: ManagedSession, _ reason: SessionError) {
        if let running = session.running { engine.stop(running) }
        session.setStopped(.waiting, reason)
        log("session waits", session)
    }
}
