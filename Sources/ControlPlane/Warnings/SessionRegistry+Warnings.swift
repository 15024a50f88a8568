import Logging
import RelayEngine
import RelayModel

/// What the registry remembers so that it can warn; on the control thread.
struct WarningMemory {
    var sharedPorts = SharedPorts()
    /// Of the sessions to which something came back since they were created.
    var loops: [SessionID: LoopEvidence] = [:]
    /// The last event when all shared ports were looked at; every session that starts or stops is
    /// one. nil = they are to be looked at in any case.
    var reviewedRevision: UInt64?
}

// What sessions are warned of, on the control thread: once a second, and after each write.
extension SessionRegistry {
    /// A write looks itself at ports of so many sessions at most; the tick looks at all.
    static let sharersPerWriteMax = 256

    /// Looks for everything that there are warnings of.
    func reviewWarnings() {
        reviewLoops()
        let revision = events.revision.number
        let ports = warningMemory.withLock { memory -> [SharedPorts.Port]? in
            guard memory.reviewedRevision != revision else { return nil }
            memory.reviewedRevision = revision
            return memory.sharedPorts.ports
        }
        // Sessions that no longer share a port have warnings to end.
        guard let ports else { return }
        var details: [SessionName: String] = [:]
        for port in ports { details.merge(sharing(of: port).details()) { first, _ in first } }
        for session in snapshot().sessions { warn(session, .unicastShared, details[session.name]) }
    }

    /// Looks at what these sessions have or had to do with, after a write.
    func reviewWarnings(
        of names: some Collection<SessionName>,
        on formerPorts: Set<SharedPorts.Port>
    ) {
        let directory = snapshot()
        var ports = formerPorts
        for name in names {
            guard let session = directory[name] else { continue }
            if let port = session.definition.flatMap(SharedPorts.Port.init) { ports.insert(port) }
            if session.definition?.sharesPort != true { warn(session, .unicastShared, nil) }
        }
        var rest = Self.sharersPerWriteMax
        for port in ports {
            let sharers = warningMemory.withLock { $0.sharedPorts.sessions(on: port) }
            rest -= sharers.count
            if rest < 0 { return }
            let details = sharing(of: port).details()
            for name in sharers {
                guard let session = directory[name] else { continue }
                warn(session, .unicastShared, details[name])
            }
        }
    }

    /// Looks at all shared ports at the next tick, since others may know of sessions now.
    func reviewWarningsAgain() { warningMemory.withLock { $0.reviewedRevision = nil } }

    private func sharing(of port: SharedPorts.Port) -> UnicastSharing {
        let directory = snapshot()
        let names = warningMemory.withLock { $0.sharedPorts.sessions(on: port) }
        return UnicastSharing(names.compactMap { directory[$0] }, port) { [namesOpenly] in
            namesOpenly($0.labels, $1.labels)
        }
    }

    private func reviewLoops() {
        var alive: Set<SessionID> = []
        for session in snapshot().sessions {
            let returns = session.activity.returnedDatagrams
            if returns == 0 { continue }
            alive.insert(session.id)
            let evidence = warningMemory.withLock { memory in
                memory.loops[session.id, default: LoopEvidence()].sample(returns)
                return memory.loops[session.id]
            }
            guard let evidence else { continue }
            warn(session, .relayLoop, evidence.isLoop ? evidence.detail : nil)
        }
        warningMemory.withLock { memory in
            guard memory.loops.count > alive.count else { return }
            memory.loops = memory.loops.filter { alive.contains($0.key) }
        }
    }

    /// A session is warned of something from now on, or goes on being warned, or, where there is
    /// nothing to tell, is not any longer; who watches is told when that begins and ends.
    private func warn(_ session: ManagedSession, _ code: SessionWarning.Code, _ detail: String?) {
        let detail = session.running == nil ? nil : detail
        guard let change = session.setWarning(code, detail) else { return }
        events.warning(session, change.warning, isActive: change.isActive)
        logger.log(
            level: change.isActive ? .warning : .info,
            change.isActive ? "session warning" : "session warning is over",
            metadata: [
                "session": "\(session.name)", "id": "\(session.id)", "code": "\(code.rawValue)",
                "detail": "\(change.warning.detail)",
            ]
        )
    }
}
