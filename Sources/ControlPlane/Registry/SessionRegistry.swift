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
    private let references = Locked(TargetReferences())
    let warningMemory = Locked(WarningMemory())
    /// Whether everybody who sees sessions with the first labels may know of those with the second.
    let namesOpenly: @Sendable ([String: String], [String: String]) -> Bool
    private let currentPolicy: HTTPHosting.Locked<SessionPolicy>

    init(
        engine: RelayEngine,
        store: any DefinitionStore,
        events: EventLog = EventLog(),
        policy: SessionPolicy = SessionPolicy(),
        sessionsMax: Int,
        logger: Logger,
        namesOpenly: @escaping @Sendable ([String: String], [String: String]) -> Bool = { _, _ in
            true
        }
    ) {
        self.namesOpenly = namesOpenly
        currentPolicy = HTTPHosting.Locked(policy)
        self.engine = engine
        self.store = store
        self.events = events
        self.sessionsMax = sessionsMax
        self.logger = logger
        engine.setAdmitted(policy.admitsInterface, ttlMax: policy.ttlMax)
    }

    // MARK: - Reads, on any thread

    func snapshot() -> SessionDirectory { directory.withLock { $0 } }

    func session(_ name: SessionName) -> ManagedSession? { snapshot()[name] }

    /// What sessions may be at all.
    var policy: SessionPolicy { currentPolicy.withLock { $0 } }

    // MARK: - For writes, on the control thread

    /// From now on sessions are held against another policy.
    func setPolicy(_ policy: SessionPolicy) {
        currentPolicy.withLock { $0 = policy }
        engine.setAdmitted(policy.admitsInterface, ttlMax: policy.ttlMax)
    }

    /// Lets readers see other sessions under these names; nil = none.
    func update(_ changes: [SessionName: ManagedSession?]) {
        // Nobody else writes, and readers wait for an assignment only.
        var next = snapshot()
        refer(changes, from: next)
        // A session that nobody can reach any more holds no other one.
        for (name, session) in changes {
            if let old = next[name], old !== session { old.setTargetSessions([:]) }
        }
        next.update(changes)
        directory.withLock { $0 = next }
        connect(changes.keys, next)
    }

    /// Remembers which sessions will name which as their targets, and which share their ports.
    private func refer(_ changes: [SessionName: ManagedSession?], from old: SessionDirectory) {
        references.withLock { references in
            for (name, session) in changes {
                references.replace(
                    old[name]?.definition,
                    with: session?.definition,
                    of: name
                )
            }
        }
        warningMemory.withLock { memory in
            for (name, session) in changes {
                memory.sharedPorts.replace(
                    old[name]?.definition,
                    with: session?.definition,
                    of: name
                )
            }
        }
    }

    /// Gives these sessions their targets, and them to those that have them as targets.
    private func connect(_ names: some Collection<SessionName>, _ directory: SessionDirectory) {
        let others = references.withLock { $0.sessions(forwardingTo: names) }
        for name in others.union(names) {
            guard let session = directory[name], let definition = session.definition else {
                continue
            }
            session.setTargetSessions(directory.targets(of: definition))
        }
    }

    static func notFound(_ name: SessionName) -> SessionError {
        SessionError(.sessionNotFound, "there is no session \(name)")
    }

    /// Stops every session, but keeps the definitions.
    func stopAll() {
        for session in snapshot().sessions { stop(session) }
    }

    /// Opens a session's socket, unless the policy refuses the session or the interface that it
    /// would use.
    ///
    /// - Parameter targetsMayWait: whether a target of `forward` that cannot be sent to now waits.
    func open(
        _ session: ManagedSession,
        targetsMayWait: Bool
    ) throws(SessionError) -> RelaySession {
        guard let shared = session.shared else {
            preconditionFailure("a definition that cannot be read is not opened")
        }
        if let refusal = refusal(of: shared.value) { throw refusal }
        return try engine.open(
            shared,
            activity: session.activity,
            targetsMayWait: targetsMayWait,
            admits: admits
        )
    }

    /// Throws what `open` would throw on a port that is free, and opens nothing that stays.
    func rehearse(
        _ session: ManagedSession,
        _ definition: SessionDefinition,
        targetsMayWait: Bool
    ) throws(SessionError) {
        try engine.rehearse(
            definition,
            activity: session.activity,
            targetsMayWait: targetsMayWait,
            admits: admits
        )
    }

    /// Why the policy refuses a definition; nil if it does not.
    func refusal(of definition: SessionDefinition) -> SessionError? {
        let policy = policy
        return policy.refusal(of: definition) ?? policy.refusal(ofDirectedBroadcasts: definition)
    }

    /// Refuses the interfaces that the policy forbids.
    var admits: (InterfaceReference) throws(SessionError) -> Void {
        let policy = policy
        return { interface throws(SessionError) in
            if let refusal = policy.refusal(ofInterface: interface.name) { throw refusal }
        }
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
