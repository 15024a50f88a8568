import HTTPHosting
import RelayEngine
import RelayModel

/// What one client watches.
struct EventQuery: Sendable {
    /// The last event that it has seen; nil = from now on.
    enum Position: Sendable {
        case after(Revision)
        /// It says something that is no revision.
        case unknown
    }

    /// The range of `counters`, in seconds.
    static let countersSecondsRange = 1...3600

    let position: Position?
    let selector: LabelSelector?
    /// Seconds between two rounds of counters; nil = none are wanted.
    let countersSeconds: Int?

    init(_ request: Request) throws(Problem) {
        let query = try QueryReader(request, allowed: ["after", "selector", "counters"])
        let after = try query.word("after", [Revision.rule], Revision.init(_:))
        selector = try query.selector("selector")
        countersSeconds = try query.integer("counters", in: Self.countersSecondsRange)
        // What a client says when it connects again goes before what its address says.
        if let last = request.fields[.lastEventID] {
            position = Revision(last).map(Position.after) ?? .unknown
        } else {
            position = after.map(Position.after)
        }
    }
}

/// One client that watches the sessions. Everything happens on the control thread.
final class EventWatch: Sendable {
    private struct State {
        /// When counters are due, on CLOCK_MONOTONIC.
        var countersDueAt: Int64
        /// Where the round of counters goes on that found the stream full.
        var nextCounters: SessionName?
    }

    private let stream: OpenStream
    private let query: EventQuery
    private let reaches: @Sendable ([String: String]) -> Bool
    private let state: HTTPHosting.Locked<State>

    /// - Parameter reaches: whether the client may see sessions with these labels.
    init(
        _ stream: OpenStream,
        _ query: EventQuery,
        reaches: @escaping @Sendable ([String: String]) -> Bool
    ) {
        self.stream = stream
        self.query = query
        self.reaches = reaches
        state = HTTPHosting.Locked(State(countersDueAt: HostNetwork.monotonicNanoseconds()))
    }

    private func sees(_ labels: [String: String]) -> Bool {
        reaches(labels) && query.selector?.admits(labels) ?? true
    }

    /// Greets the client, and brings it up to date.
    func begin(_ log: EventLog) {
        let now = log.revision
        var frames = EventFrame.retry
        switch query.position {
        case nil:
            frames += hello(now, id: now)
        case .unknown:
            frames += hello(now, id: nil) + resync(now, "unknown-revision")
        case .after(let revision):
            frames += hello(now, id: nil)
            switch log.replay(after: revision) {
            case .gap(let reason): frames += resync(now, reason)
            case .events(let events):
                for event in events { frames += event.frame(where: sees) ?? [] }
            }
        }
        // Never full: nothing waits yet, and then a chunk of any length is taken.
        _ = stream.send(frames)
        // Otherwise who sees nothing of what happens would be far behind when it connects again.
        stream.setHeartbeat { EventFrame.heartbeat(id: log.revision.description) }
    }

    /// An id only where nothing is to come before it: a client that connects again names the last
    /// id it has seen.
    private func hello(_ revision: Revision, id: Revision?) -> [UInt8] {
        EventFrame.event("hello", id: id?.description) { writer in
            writer.member("revision", revision.description)
            writer.member("version", ServiceOptions.version)
        }
    }

    private func resync(_ revision: Revision, _ reason: String) -> [UInt8] {
        EventFrame.event("resync", id: revision.description) { writer in
            writer.member("revision", revision.description)
            writer.member("reason", reason)
        }
    }

    /// Sends an event, if it concerns the client. One that is too slow is sent away: it connects
    /// again and gets what it missed, or is told to list.
    func send(_ event: WrittenEvent) {
        guard let frame = event.frame(where: sees) else { return }
        if case .full = stream.send(frame) { stream.abort() }
    }

    /// Bytes that a round of counters may leave waiting, so that there is room for events.
    static let countersBytesMax = RelayService.streamPendingBytesMax / 2

    /// Sends the counters of the sessions that the client sees, when they are due. A round that
    /// the client does not keep up with goes on a second later.
    func sendCounters(
        of directory: SessionDirectory,
        at now: Int64,
        _ frame: (ManagedSession) -> [UInt8]
    ) {
        guard let seconds = query.countersSeconds else { return }
        let isDue = state.withLock { state in
            guard now >= state.countersDueAt else { return false }
            // Half a tick early is on time.
            state.countersDueAt = now + Int64(seconds) * 1_000_000_000 - 500_000_000
            return true
        }
        if !isDue { return }
        let start = state.withLock { $0.nextCounters.take() }.map(directory.index(of:)) ?? 0
        let sessions = directory.sessions
        for session in sessions[start...] where sees(session.labels) {
            let fits = stream.pendingBytes < Self.countersBytesMax
            guard fits, case .accepted = stream.send(frame(session)) else {
                state.withLock { $0 = State(countersDueAt: now, nextCounters: session.name) }
                return
            }
        }
    }
}
