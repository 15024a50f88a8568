import CMicroHTTPD
import Glibc
import Synchronization

/// Serves HTTP on one address with one thread of libmicrohttpd.
///
/// Between `start()` and `stop(graceMilliseconds:)` it keeps itself alive.
package final class HTTPListener: Sendable {
    /// How it was configured.
    package let configuration: ListenerConfiguration

    let routes: RouteTable
    let hostPolicy: HostPolicy
    let originPolicy: OriginPolicy
    let wantedFields: [WantedField]
    let requests = RequestsInProgress()
    let bodyBudget: BodyBudget
    let streams = StreamsInProgress()
    let identity = Locked<TLSIdentity?>(nil)
    let reaper: DeadlineReaper
    let onCompleted: @Sendable (RequestRecord) -> Void

    /// Whether responses tell clients to go away.
    let isQuiescing = Atomic(false)

    private let state = Locked(State.new)

    /// A listener that does nothing before `start()`.
    ///
    /// - Parameter onCompleted: called for every request that is over, on the listener's thread;
    ///   it must not block.
    package init(
        configuration: ListenerConfiguration,
        routes: RouteTable,
        onCompleted: @escaping @Sendable (RequestRecord) -> Void = { _ in }
    ) {
        self.configuration = configuration
        bodyBudget = BodyBudget(bytesMax: configuration.bodiesBytesMax)
        self.routes = routes
        self.onCompleted = onCompleted
        hostPolicy = HostPolicy(configuration.address, allowedHosts: configuration.allowedHosts)
        originPolicy = OriginPolicy(allowedOrigins: configuration.allowedOrigins)
        wantedFields = configuration.fieldNames.map(WantedField.init)
        reaper = DeadlineReaper(connectionsMax: configuration.connectionsMax)
    }

    /// Opens the socket and serves. A listener can be started once.
    package func start() throws(ListenerError) {
        if let tls = configuration.tls {
            guard case .tcp = configuration.address else {
                throw ListenerError(
                    operation: "MHD_start_daemon",
                    sentence: "\(configuration.address) needs no TLS: the kernel says who connects."
                )
            }
            let identity = try TLSIdentity(tls)
            self.identity.withLock { $0 = identity }
        }
        let socket = try ListeningSocket(
            configuration.address,
            backlog: configuration.backlog,
            patienceSeconds: configuration.streamStallSeconds
        )
        guard let reaperThread = WorkerThread({ [reaper, streams] in reaper.run(streams) }) else {
            socket.close()
            throw ListenerError(operation: "pthread_create", sentence: "No thread can be started.")
        }
        guard let daemon = unsafe startDaemon(socket.descriptor) else {
            let name = errorName(errno)
            reaper.stop()
            reaperThread.join()
            socket.close()
            throw ListenerError(
                operation: "MHD_start_daemon",
                errno: name,
                sentence: "The HTTP server for \(configuration.address) does not start."
            )
        }
        let running = unsafe Running(daemon: daemon, socket: socket, reaperThread: reaperThread)
        state.withLock { state in
            guard case .new = state else {
                preconditionFailure("A listener can be started once.")
            }
            state = .running(running)
        }
    }

    /// Where it listens, with the port that the kernel chose for port 0; nil unless started.
    package var boundAddress: ListenAddress? {
        state.withLock { state in
            if case .running(let running) = state { running.socket.address } else { nil }
        }
    }

    /// Stops accepting connections; those that exist are told to end after their response.
    package func quiesce() {
        isQuiescing.store(true, ordering: .relaxed)
        state.withLock { state in
            guard case .running(let running) = state, !running.isQuiesced else { return }
            // Safe because the daemon runs until `stop` takes it out of the state.
            _ = unsafe MHD_quiesce_daemon(running.daemon)
            running.socket.stopListening()
            state = .running(running.quiesced())
        }
    }

    /// Ends the listener: ends streams after what they have pending, waits for the requests in
    /// progress, answers suspended ones with 503 `draining` when the grace is over, closes every connection, and removes the file of a unix
    /// socket. Calls after the first do nothing.
    package func stop(graceMilliseconds: Int) {
        quiesce()
        let taken: Running? = state.withLock { state in
            guard case .running(let running) = state else { return nil }
            state = .stopped
            return running
        }
        guard let running = taken else { return }
        let grace = UInt64(max(graceMilliseconds, 0)) * 1_000_000
        streams.endAll()
        requests.waitForNone(untilNanoseconds: relaycast_monotonic_nanoseconds() + grace)
        streams.abortAll()
        requests.refuseMore()
        // So that what was just resumed is not only answered, but sent.
        requests.waitForNone(untilNanoseconds: relaycast_monotonic_nanoseconds() + 100_000_000)
        // Safe because only this call took the daemon out of the state, and nothing is suspended.
        unsafe MHD_stop_daemon(running.daemon)
        reaper.stop()
        running.reaperThread.join()
        running.socket.close()
        // Safe because the daemon, whose context this retain was for, is gone.
        unsafe Unmanaged.passUnretained(self).release()
    }

    private func startDaemon(_ descriptor: Int32) -> OpaquePointer? {
        // Safe because the context stays retained until the daemon has stopped, and the callbacks
        // are file-scope functions.
        let context = unsafe Unmanaged.passRetained(self)
        var options = unsafe relaycast_mhd_options()
        unsafe options.listening_descriptor = descriptor
        unsafe options.connections_max = UInt32(configuration.connectionsMax)
        unsafe options.connections_per_address_max = UInt32(configuration.connectionsPerAddressMax)
        unsafe options.inactivity_timeout_seconds = UInt32(configuration.inactivityTimeoutSeconds)
        unsafe options.connection_memory_bytes = configuration.connectionMemoryBytes
        unsafe options.context = context.toOpaque()
        unsafe options.connection_changed = connectionChanged
        unsafe options.request_began = requestBegan
        unsafe options.request_continued = requestContinued
        unsafe options.request_ended = requestEnded
        unsafe options.logged = unsafe libraryLogged
        if configuration.tls != nil { unsafe options.certificate_wanted = certificateWanted }
        let daemon = unsafe relaycast_mhd_start(&options)
        if unsafe daemon == nil { unsafe context.release() }
        return unsafe daemon
    }

    private enum State {
        case new
        case running(Running)
        case stopped
    }

    @safe private struct Running {
        let daemon: OpaquePointer
        let socket: ListeningSocket
        let reaperThread: WorkerThread
        var isQuiesced = false

        func quiesced() -> Running {
            var copy = self
            copy.isQuiesced = true
            return copy
        }
    }
}
