import HTTPHosting
import RelayModel
import Synchronization

/// The latest events, so that watchers can go on where they were.
///
/// Events are added by the control thread alone, after readers see what has changed: who reads
/// the revision first and then the sessions, misses nothing that comes after that revision.
final class EventLog: Sendable {
    /// Most events remembered.
    static let eventsMax = 1024
    /// Most bytes of remembered events; large definitions are remembered for a shorter time.
    static let bytesMax = 4 * 1024 * 1024

    /// The events after some revision, as far as they are known.
    enum Replay: Sendable {
        case events([SessionEvent])
        /// Events were forgotten in between, or the revision is of another run: only a new list
        /// tells how things are.
        case gap(String)
    }

    private struct State {
        /// The oldest first.
        var events: [SessionEvent] = []
        var bytes = 0
        var onEvent: (@Sendable (SessionEvent) -> Void)?
    }

    private let instance: String
    private let last = Atomic<UInt64>(0)
    private let state = Locked(State())

    init() {
        let digits = String(UInt32.random(in: .min ... .max), radix: 16)
        instance = String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// The revision of the last event.
    var revision: Revision {
        Revision(instance: instance, number: last.load(ordering: .acquiring))
    }

    // MARK: - Adding, on the control thread

    func created(_ session: ManagedSession) {
        add(.created, session, previousLabels: [:])
    }

    func updated(_ session: ManagedSession, from old: ManagedSession) {
        add(.updated, session, previousLabels: old.labels)
    }

    func stateChanged(_ session: ManagedSession) {
        add(.state, session, previousLabels: session.labels)
    }

    func deleted(_ session: ManagedSession) {
        add(.deleted, session, previousLabels: session.labels)
    }

    /// A warning of a session has begun or ended.
    func warning(_ session: ManagedSession, _ warning: SessionWarning, isActive: Bool) {
        var writer = JSONWriter()
        writer.member("code", warning.code.rawValue)
        writer.member("detail", warning.detail)
        writer.member("active", isActive)
        add(.warning, session, previousLabels: session.labels, members: writer.bytes)
    }

    /// - Parameter members: what it tells beside the session's name; nil = the whole session, unless
    ///   it was deleted.
    private func add(
        _ kind: SessionEvent.Kind,
        _ session: ManagedSession,
        previousLabels: [String: String],
        members: [UInt8]? = nil
    ) {
        let number = last.load(ordering: .relaxed) + 1
        let isWhole = members == nil && kind != .deleted
        let event = SessionEvent(
            revision: Revision(instance: instance, number: number),
            kind: kind,
            labels: session.labels,
            previousLabels: previousLabels,
            name: session.name,
            id: session.id,
            fixedMembers: isWhole ? session.fixedMembers.bytes : nil,
            members: isWhole ? JSONWriter.statusMember(of: session) : members ?? []
        )
        let onEvent = state.withLock { state in
            Self.append(event, to: &state)
            last.store(number, ordering: .releasing)
            return state.onEvent
        }
        onEvent?(event)
    }

    private static func append(_ event: SessionEvent, to state: inout State) {
        state.events.append(event)
        state.bytes += event.bytes
        var forgotten = 0
        while state.events.count - forgotten > eventsMax
            || state.bytes > bytesMax && forgotten < state.events.count
        {
            state.bytes -= state.events[forgotten].bytes
            forgotten += 1
        }
        state.events.removeFirst(forgotten)
    }

    // MARK: - Watching, on the control thread

    /// What has happened since a revision.
    func replay(after revision: Revision) -> Replay {
        guard revision.instance == instance else { return .gap("restarted") }
        return state.withLock { state in
            let now = last.load(ordering: .relaxed)
            guard revision.number <= now else { return .gap("unknown-revision") }
            let missing = Int(clamping: now - revision.number)
            guard missing <= state.events.count else { return .gap("gap") }
            return .events(Array(state.events.suffix(missing)))
        }
    }

    /// Has `body` called for every event from now on. There is one who wants that.
    func onEvent(_ body: @escaping @Sendable (SessionEvent) -> Void) {
        state.withLock { $0.onEvent = body }
    }
}
