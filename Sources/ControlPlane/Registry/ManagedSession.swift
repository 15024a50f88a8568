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
    /// How often the definition was written, from 1.
    let generation: Int
    let createdAt: Timestamp
    let updatedAt: Timestamp
    /// nil for a stored definition that this version cannot read.
    let definition: SessionDefinition?
    let activity: SessionActivity
    /// What JSON says of the session whatever its state, written once: lists are polled.
    let fixedMembers: [UInt8]

    private struct State {
        var status: SessionStatus
        var running: RelaySession?
    }

    private let state: Locked<State>

    init(
        name: SessionName,
        storedName: String? = nil,
        kind: SessionKind,
        id: SessionID,
        generation: Int,
        createdAt: Timestamp,
        updatedAt: Timestamp,
        definition: SessionDefinition?,
        status: SessionStatus
    ) {
        self.name = name
        self.storedName = storedName ?? name.description
        self.kind = kind
        self.id = id
        self.generation = generation
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.definition = definition
        activity = SessionActivity(
            definition ?? SessionDefinition(name: name, kind: kind, port: 1)
        )
        state = Locked(State(status: status))
        fixedMembers = JSONWriter.fixedMembers(
            name: name,
            kind: kind,
            id: id,
            generation: generation,
            createdAt: createdAt,
            updatedAt: updatedAt,
            definition: definition
        )
    }

    /// A new session as a client asked for it.
    convenience init(creating definition: SessionDefinition) {
        let now = HostNetwork.now()
        self.init(
            name: definition.name,
            kind: definition.kind,
            id: SessionID(createdAt: now),
            generation: 1,
            createdAt: now,
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
            : SessionStatus(
                .disabled,
                since: since,
                reason: SessionError(.disabled, "`enabled` is false in the definition")
            )
    }

    var status: SessionStatus { state.withLock { $0.status } }

    /// The open session; nil unless it is running or degraded.
    var running: RelaySession? { state.withLock { $0.running } }

    /// Changes with the definition and the incarnation (RFC 9110 section 8.8.3).
    var entityTag: String { "\"\(id)-\(generation)\"" }

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
        state.withLock { $0 = State(status: status, running: session) }
    }

    /// It has no socket from now on. Keeps `since` while the state stays the same.
    func setStopped(_ newState: SessionState, _ reason: SessionError?) {
        state.withLock { state in
            let isSame = state.status.state == newState && state.running == nil
            let since = isSame ? state.status.since : HostNetwork.now()
            state = State(status: SessionStatus(newState, since: since, reason: reason))
        }
    }

    /// Its interface has another name or address.
    func setInterface(_ interface: InterfaceReference) {
        state.withLock { state in
            let old = state.status
            state.status = SessionStatus(
                old.state,
                since: old.since,
                reason: old.reason,
                interface: interface,
                localAddress: old.localAddress,
                destination: old.destination,
                receiveBufferBytes: old.receiveBufferBytes
            )
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
