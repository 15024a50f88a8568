import HTTPHosting
import Logging
import RelayEngine
import RelayModel
import SessionStore

/// Ties the sessions that are wanted to those that run: the store keeps the definitions, the
/// engine moves the datagrams.
///
/// Reads take a snapshot and never wait. Writes run one at a time on the control thread, each as a
/// ``RegistryTransaction``.
final class SessionRegistry: Sendable {
    let engine: RelayEngine
    let logger: Logger
    let store: any DefinitionStore
    let events: EventLog
    let sessionsMax: Int
    private let directory = Locked(SessionDirectory())

    init(
        engine: RelayEngine,
        store: any DefinitionStore,
        events: EventLog = EventLog(),
        sessionsMax: Int,
        logger: Logger
    ) {
        self.engine = engine
        self.store = store
        self.events = events
        self.sessionsMax = sessionsMax
        self.logger = logger
    }

    // MARK: - Reads, on any thread

    func snapshot() -> SessionDirectory { directory.withLock { $0 } }

    func session(_ name: SessionName) -> ManagedSession? { snapshot()[name] }

    // MARK: - For writes, on the control thread

    /// Lets readers see other sessions under these names; nil = none.
    func update(_ changes: [SessionName: ManagedSession?]) {
        directory.withLock { $0.update(changes) }
    }

    static func notFound(_ name: SessionName) -> SessionError {
        SessionError(.sessionNotFound, "there is no session \(name)")
    }

    /// Stops every session, but keeps the definitions.
    func stopAll() {
        for session in snapshot().sessions { stop(session) }
    }

    func stop(_ session: ManagedSession) {
        if let running = session.running {
            engine.stop(running)
            session.setStopped(
                .disabled,
                SessionError(.disabled, "the session was deleted, or the daemon stops")
            )
        }
        session.activity.recentPackets.wakeAll()
    }

    func storeFailure(_ error: StoreError) -> SessionError {
        logger.error("store failed", metadata: ["error": "\(error.sentence)"])
        return SessionError(error)
    }

    func log(
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
