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
        add(.warning, session, previousLabels: session.labels) { revision in
            EventFrame.event(
                SessionEvent.Kind.warning.rawValue,
                id: revision.description
            ) { writer in
                Self.identify(session, revision, &writer)
                writer.member("code", warning.code.rawValue)
                writer.member("detail", warning.detail)
                writer.member("active", isActive)
            }
        }
    }

    private func add(
        _ kind: SessionEvent.Kind,
        _ session: ManagedSession,
        previousLabels: [String: String]
    ) {
        add(kind, session, previousLabels: previousLabels) { revision in
            kind == .deleted
                ? Self.farewell(session, revision) : Self.frame(kind, session, revision)
        }
    }

    private func add(
        _ kind: SessionEvent.Kind,
        _ session: ManagedSession,
        previousLabels: [String: String],
        frame: (Revision) -> [UInt8]
    ) {
        let number = last.load(ordering: .relaxed) + 1
        let revision = Revision(instance: instance, number: number)
        let frame = frame(revision)
        let event = SessionEvent(
            revision: revision,
            kind: kind,
            labels: session.labels,
            previousLabels: previousLabels,
            frame: frame,
            farewell: kind == .deleted ? frame : Self.farewell(session, revision)
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

    private static func frame(
        _ kind: SessionEvent.Kind,
        _ session: ManagedSession,
        _ revision: Revision
    ) -> [UInt8] {
        EventFrame.event(kind.rawValue, id: revision.description) { writer in
            writer.member("revision", revision.description)
            writer.key("session")
            writer.session(session, session.status, includesCounters: false)
        }
    }

    private static func farewell(_ session: ManagedSession, _ revision: Revision) -> [UInt8] {
        EventFrame.event(
            SessionEvent.Kind.deleted.rawValue,
            id: revision.description
        ) { writer in Self.identify(session, revision, &writer) }
    }

    private static func identify(
        _ session: ManagedSession,
        _ revision: Revision,
        _ writer: inout JSONWriter
    ) {
        writer.member("revision", revision.description)
        writer.member("name", session.name.description)
        writer.member("id", session.id.description)
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

extension SessionEvent {
    /// What remembering it costs.
    fileprivate var bytes: Int {
        // A deleted session's farewell is its frame: one array.
        let frames = kind == .deleted ? frame.count : frame.count + farewell.count
        return [labels, previousLabels].reduce(frames) { sum, labels in
            labels.reduce(sum) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        }
    }
}
