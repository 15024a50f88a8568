import RelayEngine
import RelayModel

/// One incarnation of a session: what was asked, since when, and how it fares.
///
/// Only the control thread changes it; every thread may read it.
final class ManagedSession: Sendable {
    let name: SessionName
    /// The name in the store: another one only where that is no session name, and so unreadable.
    let storedName: String
    let kind: SessionKind
    let id: SessionID
    let origin: SessionOrigin
    /// How often the definition was written, from 1.
    let generation: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp
    /// nil for a stored definition that this version cannot read.
    let shared: SharedDefinition?
    let activity: SessionActivity
    /// Since when it is observed: when this incarnation began, or the daemon that restored it.
    let observedSince: Timestamp
    /// What JSON says of the session whatever its state, written once: lists are polled.
    let fixedMembers: FixedMembers
    /// Changes with the definition and the incarnation (RFC 9110 section 8.8.3).
    let entityTag: String

    private struct State {
        var status: SessionStatus
        var running: RelaySession?
        /// The sessions that it forwards to, as far as they exist.
        var targets: [SessionName: ManagedSession] = [:]
        /// At most one of each code.
        var warnings: [SessionWarning] = []
    }

    private let state: Locked<State>

    init(
        name: SessionName,
        storedName: String? = nil,
        kind: SessionKind,
        id: SessionID,
        origin: SessionOrigin,
        generation: Int,
        createdAt: Timestamp,
        updatedAt: Timestamp,
        definition: SessionDefinition?,
        observation: Observation? = nil,
        status: SessionStatus,
        running: RelaySession? = nil,
        warnings: [SessionWarning] = []
    ) {
        self.name = name
        self.storedName = storedName ?? name.description
        self.kind = kind
        self.id = id
        self.origin = origin
        self.generation = generation
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        shared = definition.map(SharedDefinition.init)
        let observation =
            observation
            ?? Observation(
                definition ?? SessionDefinition(name: name, kind: kind, port: 1),
                since: HostNetwork.now()
            )
        activity = observation.activity
        observedSince = observation.since
        state = Locked(State(status: status, running: running, warnings: warnings))
        entityTag = "\"\(id)-\(generation)\""
        fixedMembers = FixedMembers(
            name: name,
            kind: kind,
            id: id,
            origin: origin,
            generation: generation,
            createdAt: createdAt,
            updatedAt: updatedAt,
            definition: definition
        )
    }

    /// What is counted and remembered of an incarnation, and since when.
    struct Observation {
        let activity: SessionActivity
        let since: Timestamp

        init(_ definition: SessionDefinition, since: Timestamp) {
            activity = SessionActivity(definition)
            self.since = since
        }

        init(of session: ManagedSession) {
            activity = session.activity
            since = session.observedSince
        }
    }

    /// A new session.
    convenience init(creating definition: SessionDefinition, origin: SessionOrigin) {
        let now = HostNetwork.now()
        self.init(
            name: definition.name,
            kind: definition.kind,
            id: SessionID(createdAt: now),
            origin: origin,
            generation: 1,
            createdAt: now,
            updatedAt: now,
            definition: definition,
            status: Self.initialStatus(definition, since: now)
        )
    }

    /// The same incarnation with another definition: its socket and what was observed go on.
    convenience init(changing old: ManagedSession, to definition: SessionDefinition) {
        self.init(
            name: old.name,
            kind: definition.kind,
            id: old.id,
            origin: old.origin,
            generation: old.generation + 1,
            createdAt: old.createdAt,
            updatedAt: HostNetwork.now(),
            definition: definition,
            observation: Observation(of: old),
            status: old.status,
            running: old.running,
            warnings: old.warnings
        )
    }

    /// A new incarnation in place of an old one, with counters of its own.
    convenience init(replacing old: ManagedSession, with definition: SessionDefinition) {
        let now = HostNetwork.now()
        self.init(
            name: old.name,
            kind: definition.kind,
            id: SessionID(createdAt: now),
            origin: old.origin,
            generation: old.generation + 1,
            createdAt: old.createdAt,
            updatedAt: now,
            definition: definition,
            status: Self.initialStatus(definition, since: now)
        )
    }

    /// What a session is before it was tried to start it.
    static func initialStatus(
        _ definition: SessionDefinition,
        since: Timestamp
    ) -> SessionStatus {
        definition.enabled
            ? SessionStatus(.waiting, since: since)
            : SessionStatus(.disabled, since: since, reason: isDisabled)
    }

    static let isDisabled = SessionError(.disabled, "`enabled` is false in the definition")

    /// Whether the store has it: what the configuration file defines is kept there.
    var isStored: Bool { origin == .api && shared?.value.persist ?? true }

    /// nil for a stored definition that this version cannot read.
    var definition: SessionDefinition? { shared?.value }

    var status: SessionStatus { state.withLock { $0.status } }

    /// The open session; nil unless it is running or degraded.
    var running: RelaySession? { state.withLock { $0.running } }

    /// The sessions that it forwards to, as far as they exist.
    var targetSessions: [SessionName: ManagedSession] { state.withLock { $0.targets } }

    /// It forwards to these sessions from now on.
    func setTargetSessions(_ sessions: [SessionName: ManagedSession]) {
        state.withLock { $0.targets = sessions }
    }

    var labels: [String: String] { shared?.value.labels ?? [:] }

    /// Whether a selector chooses it. None chooses a session whose labels cannot be read: `env!=a`
    /// must not delete what may be of env a.
    func isChosen(by selector: LabelSelector) -> Bool {
        shared.map { selector.admits($0.value.labels) } ?? false
    }

    /// What its operator should look into; an end that was not told yet included.
    var warnings: [SessionWarning] { state.withLock { $0.warnings } }

    /// A warning of this code holds, with a detail that may be another one than before; nil = it
    /// does not hold. What has begun or ended by that; nil = neither.
    func setWarning(
        _ code: SessionWarning.Code,
        _ detail: String?
    ) -> (warning: SessionWarning, isActive: Bool)? {
        state.withLock { state in
            let index = state.warnings.firstIndex { $0.code == code }
            switch (index, detail) {
            case (nil, nil): return nil
            case (let index?, nil): return (state.warnings.remove(at: index), false)
            case (let index?, let detail?):
                let since = state.warnings[index].since
                state.warnings[index] = SessionWarning(code, detail, since: since)
                return nil
            case (nil, let detail?):
                precondition(state.warnings.count < SessionWarning.countMax)
                let warning = SessionWarning(code, detail, since: HostNetwork.now())
                state.warnings.append(warning)
                return (warning, true)
            }
        }
    }

    /// It runs from now on.
    func setRunning(_ session: RelaySession) {
        let status = SessionStatus(
            .running,
            since: HostNetwork.now(),
            interface: session.interface,
            localAddress: session.localEndpoint,
            destination: session.destination,
            receiveBufferBytes: session.receiveBufferBytes
        )
        state.withLock { state in
            state.status = status
            state.running = session
        }
    }

    /// It runs on with another definition; its state stays.
    func setRunning(updated session: RelaySession) {
        state.withLock { state in
            let old = state.status
            let status = SessionStatus(
                old.state,
                since: old.since,
                reason: old.reason,
                interface: old.interface,
                localAddress: old.localAddress,
                destination: old.destination,
                receiveBufferBytes: session.receiveBufferBytes
            )
            state.status = status
            state.running = session
        }
    }

    /// It has no socket from now on. Keeps `since` while the state stays the same.
    func setStopped(_ newState: SessionState, _ reason: SessionError?) {
        state.withLock { state in
            let isSame = state.status.state == newState && state.running == nil
            let since = isSame ? state.status.since : HostNetwork.now()
            state.status = SessionStatus(newState, since: since, reason: reason)
            state.running = nil
        }
    }

    /// It runs on, as the host is now. Whether its interface has another name or address.
    func setRunning(followed session: RelaySession) -> Bool {
        state.withLock { state in
            let old = state.status
            state.running = session
            if session.interface == old.interface { return false }
            state.status = SessionStatus(
                old.state,
                since: old.since,
                reason: old.reason,
                interface: session.interface,
                localAddress: old.localAddress,
                destination: old.destination,
                receiveBufferBytes: old.receiveBufferBytes
            )
            return true
        }
    }

    /// It still has its socket, but works only in part, or wholly again.
    func setDegraded(_ reason: SessionError?) {
        state.withLock { state in
            let old = state.status
            state.status = SessionStatus(
                reason == nil ? .running : .degraded,
                since: HostNetwork.now(),
                reason: reason,
                interface: old.interface,
                localAddress: old.localAddress,
                destination: old.destination,
                receiveBufferBytes: old.receiveBufferBytes
            )
        }
    }
}
