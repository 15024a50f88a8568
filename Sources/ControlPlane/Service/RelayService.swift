import Foundation
import HTTPHosting
import Logging
import RelayEngine
import RelayModel
import SessionStore

/// The whole daemon but for the command line: store, engine, control thread and listeners.
///
/// `start`, `drain` and `stop` are called in this order by one thread, and `reload` in between.
package final class RelayService {
    /// Writes that may wait for the control thread; more are answered 503 `overloaded`.
    static let writesMax = 1024
    /// Descriptors kept free of sessions beyond the connections: store, poller, log, and spare.
    static let descriptorsReserved = 64
    /// How long a client that is being served may take while the daemon stops.
    static let graceMilliseconds = 300
    /// How long readiness is refused before the listeners close, so that a balancer can notice.
    static let drainNanoseconds: Int64 = 300_000_000

    /// Most bytes that wait for the client of a stream: more than the longest packet, 65 535 bytes
    /// whose text is all escapes.
    static let streamPendingBytesMax = 512 * 1024

    /// How long the store may take to close.
    static let storeCloseNanosecondsMax: Int64 = 500_000_000

    var options: ServiceOptions
    let gatekeeper: Gatekeeper
    let logger: Logger
    /// What runs between `start` and `stop`.
    private(set) var parts: Parts?

    struct Parts {
        let store: SQLiteStore
        let engine: RelayEngine
        let control: WorkQueue
        let registry: SessionRegistry
        let api: API
        let listeners: [HTTPListener]
    }

    package init(options: ServiceOptions, logger: Logger) {
        self.options = options
        self.logger = logger
        gatekeeper = Gatekeeper(
            options.authority,
            requestsPerSecondMax: options.limits.requestsPerSecondMax
        )
    }

    /// Opens the store, restores the sessions, and serves. Throws what went wrong and what to do;
    /// then nothing is left running.
    package func start() throws(StartupError) {
        fitConnections()
        let store = try openStore()
        let hostname = Self.hostname()
        let engine: RelayEngine
        let control: WorkQueue
        do throws(SystemCallError) {
            engine = try RelayEngine(
                RelayEngine.Options(
                    descriptorCeiling: descriptorCeiling,
                    hostname: hostname,
                    handlers: options.handlers,
                    relays: options.relays,
                    noteHandler: HandlerLog(logger).note
                )
            )
        } catch {
            close(store)
            throw StartupError(.other, "\(error.operation): \(error.name)")
        }
        do throws(SystemCallError) {
            control = try WorkQueue(name: "control", jobsMax: Self.writesMax)
        } catch {
            engine.shutDown()
            close(store)
            throw StartupError(.other, "\(error.operation): \(error.name)")
        }
        let metrics = ServiceMetrics()
        let registry = SessionRegistry(
            engine: engine,
            store: MeasuredStore(store, metrics.storeWrites),
            policy: options.policy,
            sessionsMax: options.limits.sessionsMax,
            logger: logger,
            namesOpenly: gatekeeper.admitsTogether
        )
        let idempotentAnswers = IdempotentAnswers()
        let api = API(
            registry: registry,
            control: control,
            idempotentAnswers: idempotentAnswers,
            options: options,
            hostname: hostname,
            metrics: metrics,
            isStillAdmitted: gatekeeper.stillAdmits
        )
        let listeners = makeListeners(api)
        let parts = Parts(
            store: store,
            engine: engine,
            control: control,
            registry: registry,
            api: api,
            listeners: listeners
        )
        do {
            try restore(parts)
            try listen(parts)
        } catch {
            tearDown(parts)
            throw error
        }
        self.parts = parts
        Self.scheduleTicks(SessionSupervisor(registry), api, on: control)
    }

    /// Where the service listens, with the ports that the kernel chose.
    package var boundAddresses: [ListenAddress] {
        parts?.listeners.compactMap(\.boundAddress) ?? []
    }

    /// Refuses readiness and writes from now on, and wakes those who wait for packets.
    package func drain() {
        guard let parts else { return }
        logger.info("draining")
        parts.api.beginDraining()
        for session in parts.registry.snapshot().sessions {
            session.activity.recentPackets.wakeAll()
        }
        _ = Latch().wait(nanosecondsMax: Self.drainNanoseconds)
    }

    /// Closes the listeners, stops the sessions, leaves the groups and closes the store.
    package func stop() {
        guard let parts else { return }
        self.parts = nil
        tearDown(parts)
    }

    // MARK: - Steps

    private func openStore() throws(StartupError) -> SQLiteStore {
        do {
            return try SQLiteStore(directory: options.dataDirectory)
        } catch {
            let isUnavailable = error.kind == .unavailable || error.kind == .full
            throw StartupError(isUnavailable ? .storeUnavailable : .store, error.sentence)
        }
    }

    private static func hostname() -> String {
        ProcessInfo.processInfo.hostName
    }

    /// Sessions take no descriptor that a connection or the store might need.
    private var descriptorCeiling: Int32 {
        let reserved = options.limits.connectionsMax * listenerCount + Self.descriptorsReserved
        let forHandlers = HandlerDescriptors.countMax(options.handlers.values)
        return Int32(clamping: HostNetwork.descriptorLimit - reserved - forHandlers)
    }

    private var listenerCount: Int { options.listen.count + (options.unixSocket == nil ? 0 : 1) }

    /// Where descriptors are few, connections get at most half of them.
    private func fitConnections() {
        let fitting = HostNetwork.descriptorLimit / 2 / max(listenerCount, 1)
        guard options.limits.connectionsMax > fitting else { return }
        logger.warning(
            "fewer connections than configured: descriptors are few (RLIMIT_NOFILE)",
            metadata: [
                "connectionsMax": "\(fitting)", "configured": "\(options.limits.connectionsMax)",
            ]
        )
        options.limits.connectionsMax = max(fitting, 1)
    }

    private func makeListeners(_ api: API) -> [HTTPListener] {
        let routes = RouteTable(api.routes)
        let addresses = options.listen + (options.unixSocket.map { [Self.unixAddress($0)] } ?? [])
        let accessLog = AccessLog(logger)
        return addresses.map { address in
            var configuration = ListenerConfiguration(address: address)
            let limits = options.limits
            configuration.connectionsMax = limits.connectionsMax
            configuration.connectionsPerAddressMax = limits.connectionsPerAddressMax
            configuration.bodyBytesMax = limits.bodyBytesMax
            configuration.requestDeadlineSeconds = limits.requestDeadlineSeconds
            configuration.responseDeadlineSeconds = limits.responseDeadlineSeconds
            configuration.inactivityTimeoutSeconds = limits.inactivityTimeoutSeconds
            configuration.allowedHosts = options.allowedHosts
            configuration.allowedOrigins = options.allowedOrigins
            configuration.streamPendingBytesMax = Self.streamPendingBytesMax
            configuration.gate = gatekeeper.decide
            if case .tcp = address { configuration.tls = options.tls }
            return HTTPListener(
                configuration: configuration,
                routes: routes,
                onCompleted: { record in
                    api.metrics.requests.record(record)
                    accessLog.record(record)
                }
            )
        }
    }

    /// The path made absolute, so that whoever reads it in /v1/server can use it.
    private static func unixAddress(_ path: String) -> ListenAddress {
        if path.hasPrefix("/") { return .unix(path: path) }
        return .unix(path: FileManager.default.currentDirectoryPath + "/" + path)
    }

    private func restore(_ parts: Parts) throws(StartupError) {
        let configured: [SessionDefinition]
        do {
            configured = try options.configuredDefinitions()
        } catch {
            throw StartupError(.other, "The configured sessions are wrong: \(error.detail)")
        }
        do {
            try parts.registry.restore(configured: configured)
            parts.api.idempotentAnswers.restore(try parts.store.answers())
        } catch {
            throw StartupError(.store, error.sentence)
        }
    }

    private func listen(_ parts: Parts) throws(StartupError) {
        for listener in parts.listeners {
            do {
                try listener.start()
            } catch {
                throw StartupError(.listen, error.description)
            }
        }
        parts.api.boundURLs.withLock { $0 = parts.listeners.compactMap(\.url) }
    }

    /// Repeats itself as long as the control thread lives.
    private static func scheduleTicks(
        _ supervisor: SessionSupervisor,
        _ api: API,
        on control: WorkQueue
    ) {
        control.schedule(afterNanoseconds: SessionSupervisor.intervalNanoseconds) {
            supervisor.tick()
            api.tick()
            scheduleTicks(supervisor, api, on: control)
        }
    }

    private func tearDown(_ parts: Parts) {
        for listener in parts.listeners { listener.quiesce() }
        parts.control.close()
        // One grace for all of them together.
        let end = HostNetwork.monotonicNanoseconds() + Int64(Self.graceMilliseconds) * 1_000_000
        for listener in parts.listeners {
            let left = max(end - HostNetwork.monotonicNanoseconds(), 0)
            listener.stop(graceMilliseconds: Int(left / 1_000_000))
        }
        parts.registry.stopAll()
        parts.engine.shutDown()
        close(parts.store)
    }

    /// Closing writes the log back into the database, which takes long where the disk is busy.
    /// Nothing is lost without it: the log is read at the next start.
    private func close(_ store: SQLiteStore) {
        let isDone = Latch()
        let thread = try? WorkerThread(name: "store-close") { [logger] in
            do throws(StoreError) {
                try store.close()
            } catch {
                logger.error("the store did not close", metadata: ["error": "\(error.sentence)"])
            }
            isDone.set()
        }
        if thread == nil || !isDone.wait(nanosecondsMax: Self.storeCloseNanosecondsMax) {
            logger.warning("the disk is busy; the store is left to be recovered at the next start")
        }
    }
}
