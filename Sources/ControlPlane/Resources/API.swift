import HTTPHosting
import RelayEngine
import RelayModel
import Synchronization

/// The HTTP API: the twin of openapi.yaml, with one file for each resource.
final class API: Sendable {
    let registry: SessionRegistry
    /// Where everything happens that opens a socket or touches the disk.
    let control: WorkQueue
    let idempotentAnswers: IdempotentAnswers
    let options: ServiceOptions
    let startedAt: Timestamp
    let hostname: String
    /// How much the policy lets sessions send.
    let datagramBudgets: DatagramBudgets
    let metrics: ServiceMetrics
    /// Every stream there is, of events or packets.
    let openStreams: OpenStreams
    let eventWatches: EventWatches
    /// Where the listeners listen, once they do.
    let boundURLs = Locked<[String]>([])
    private let isStillAdmitted: @Sendable (Request) -> Bool
    private let isDraining = Atomic(false)

    /// - Parameter isStillAdmitted: whether a request that goes on would be let in now.
    init(
        registry: SessionRegistry,
        control: WorkQueue,
        idempotentAnswers: IdempotentAnswers = IdempotentAnswers(),
        options: ServiceOptions,
        hostname: String,
        metrics: ServiceMetrics = ServiceMetrics(),
        isStillAdmitted: @escaping @Sendable (Request) -> Bool = { _ in true }
    ) {
        self.isStillAdmitted = isStillAdmitted
        self.registry = registry
        self.control = control
        self.idempotentAnswers = idempotentAnswers
        self.options = options
        self.hostname = hostname
        datagramBudgets = DatagramBudgets(perSecondMax: options.policy.datagramsPerSecondMax)
        self.metrics = metrics
        openStreams = OpenStreams(streamsMax: options.limits.eventStreamsMax)
        eventWatches = EventWatches(registry)
        startedAt = HostNetwork.now()
    }

    /// Every route, by resource.
    var routes: [Route] {
        sessionRoutes + writingRoutes + applyRoutes + eventRoutes + packetRoutes + mappingRoutes
            + datagramRoutes + interfaceRoutes + serverRoutes + healthRoutes + metricsRoutes
            + contractRoutes
    }

    /// From now on readiness is refused, and so are writes; streams end.
    func beginDraining() {
        isDraining.store(true, ordering: .relaxed)
        openStreams.endAll()
    }

    /// What happens once a second, on the control thread.
    func tick() {
        let now = HostNetwork.monotonicNanoseconds()
        openStreams.endRevoked(isStillAdmitted)
        eventWatches.sendCounters(at: now)
        openStreams.sendHeartbeats(at: now)
    }

    var draining: Bool { isDraining.load(ordering: .relaxed) }

    /// Runs a write on the control thread and answers with what it returns.
    func write(
        _ body: @escaping @Sendable () throws(Problem) -> Response
    ) throws(Problem) -> Answer {
        if draining { throw .draining }
        return .later { [self] completion in
            let isSubmitted = control.submit { [self] in
                do throws(Problem) {
                    // What waited until the daemon stops is refused: the stop must not wait for it.
                    if draining { throw .draining }
                    completion(try body())
                } catch {
                    completion(error)
                }
            }
            if !isSubmitted { completion(draining ? Problem.draining : Problem.overloaded) }
        }
    }

    /// The session that the path names, if it is there for whoever asks.
    func session(
        _ request: Request,
        _ parameters: PathParameters
    ) throws(Problem) -> ManagedSession {
        let text = parameters["name"]
        guard let name = SessionName(text), let session = registry.session(name),
            request.reaches(session)
        else { throw SessionError(.sessionNotFound, "there is no session \(text)").problem }
        return session
    }
}
