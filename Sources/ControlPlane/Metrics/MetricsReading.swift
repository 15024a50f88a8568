import RelayEngine
import RelayModel

/// Everything that one exposition shows, read before a byte of it is written.
struct MetricsReading: Sendable {
    /// The sessions that have series, by name.
    var sessions: [SessionReading]

    /// Sessions beyond the limit, which have none.
    let sessionsOmitted: Int

    /// How many sessions there are of a kind in a state.
    let sessionCounts: [SessionClass: Int]

    let requests: [RequestMetrics.Reading]
    let storeWrites: [StoreMetrics.Reading]

    /// Open streams of events and packets.
    let openStreams: Int

    /// The rounds of the relay thread.
    let loopTimes: LoopTimes

    /// nil without /proc.
    let process: ProcessReading?

    /// Reads it all. Waits for nobody, and takes no lock that the relay thread needs.
    init(
        _ sessions: [ManagedSession],
        sessionsMax: Int,
        openStreams: Int,
        loopTimes: LoopTimes,
        _ metrics: ServiceMetrics
    ) {
        var counts: [SessionClass: Int] = [:]
        var readings: [SessionReading] = []
        readings.reserveCapacity(min(sessions.count, sessionsMax))
        for session in sessions {
            let state = session.status.state
            counts[SessionClass(kind: session.kind, state: state), default: 0] += 1
            guard readings.count < sessionsMax else { continue }
            readings.append(SessionReading(session, state))
        }
        self.sessions = readings
        sessionsOmitted = sessions.count - readings.count
        sessionCounts = counts
        requests = metrics.requests.readings()
        storeWrites = metrics.storeWrites.readings()
        self.openStreams = openStreams
        self.loopTimes = loopTimes
        process = ProcessReading()
    }
}

/// Sessions that are counted together.
struct SessionClass: Hashable, Sendable {
    let kind: SessionKind
    let state: SessionState
}

/// One session at one moment: all its series come from this, so that they agree.
final class SessionReading: Sendable {
    /// `session` and `kind`, as the writer wants them.
    let labels: [UInt8]
    let state: SessionState
    let counters: CounterValues
    /// nil for a session whose `reply` is no handler.
    let handler: HandlerValues?
    /// When its counters were 0: its creation, or the daemon's start.
    let startedAt: Timestamp
    let targets: [TargetReading]
    let warnings: [SessionWarning.Code]

    init(
        labels: [UInt8],
        state: SessionState,
        counters: CounterValues,
        hasHandler: Bool = false,
        startedAt: Timestamp,
        targets: [TargetReading] = [],
        warnings: [SessionWarning.Code] = []
    ) {
        self.labels = labels
        self.state = state
        self.counters = counters
        handler = hasHandler ? counters.handler : nil
        self.startedAt = startedAt
        self.targets = targets
        self.warnings = warnings
    }

    convenience init(_ session: ManagedSession, _ state: SessionState) {
        self.init(
            labels: MetricsWriter.labels([
                "session": session.name.description, "kind": session.kind.rawValue,
            ]),
            state: state,
            counters: session.activity.counterValues(),
            hasHandler: session.definition?.reply?.handler != nil,
            startedAt: session.observedSince,
            targets: TargetReading.all(of: session),
            warnings: session.running == nil ? [] : session.warnings.map(\.code)
        )
    }
}

/// What the service itself measures, for all who record and the one who shows it.
final class ServiceMetrics: Sendable {
    let requests = RequestMetrics()
    let storeWrites = StoreMetrics()
}
