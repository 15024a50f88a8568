import Glibc
import RelayModel

/// The data plane: one thread that moves the datagrams of all sessions.
///
/// `open`, `start`, `update` and `stop` block briefly and are called by one thread at a time; `send` may be
/// called by any thread and does not block.
package final class RelayEngine: Sendable {
    package struct Options: Sendable {
        /// Descriptors at or above this number are not used for sessions.
        package var descriptorCeiling: Int32
        /// What `{hostname}` stands for in reply templates.
        package var hostname: String
        /// The commands that sessions may have answer.
        package var handlers: [HandlerName: Handler]
        /// The addresses of other relays between the same networks.
        package var relays: Set<IPAddress>
        /// Told of runs that failed or complained; called on the handlers' thread.
        package var noteHandler: @Sendable (HandlerNote) -> Void

        package init(
            descriptorCeiling: Int32 = .max,
            hostname: String,
            handlers: [HandlerName: Handler] = [:],
            relays: Set<IPAddress> = [],
            noteHandler: @escaping @Sendable (HandlerNote) -> Void = { _ in }
        ) {
            self.descriptorCeiling = descriptorCeiling
            self.hostname = hostname
            self.handlers = handlers
            self.relays = relays
            self.noteHandler = noteHandler
        }
    }

    private let options: Options
    /// The interfaces as they were last seen, and which of them may be used.
    private struct Host: Sendable {
        var interfaces: [NetworkInterface] = []
        var admits: (@Sendable (String) -> Bool)?
        var ttlMax = UInt8.max
    }

    private let host = Locked(Host())
    private let mailbox: Mailbox
    private let thread: WorkerThread
    let handlers: HandlerRunner
    private let meter: LoopMeter
    /// What targets share that keep source ports.
    let sourcePortBudget: SourcePortBudget

    /// Starts the relay thread; throws when the system has no descriptors or threads left.
    package init(_ options: Options) throws(SystemCallError) {
        self.options = options
        sourcePortBudget = SourcePortBudget(descriptorCeiling: options.descriptorCeiling)
        let mailbox = try Mailbox()
        let failure = Locked<SystemCallError?>(nil)
        let isReady = Latch()
        self.mailbox = mailbox
        let meter = LoopMeter()
        self.meter = meter
        thread = try WorkerThread(name: "relay") {
            do throws(SystemCallError) {
                var loop = try RelayLoop(mailbox, hostname: options.hostname, meter: meter)
                isReady.set()
                loop.run()
            } catch {
                failure.withLock { $0 = error }
                isReady.set()
            }
        }
        isReady.wait()
        if let error = failure.withLock({ $0 }) {
            thread.join()
            throw error
        }
        do throws(SystemCallError) {
            handlers = try HandlerRunner(
                options.handlers,
                mailbox: mailbox,
                note: options.noteHandler
            )
        } catch {
            if mailbox.post(.stop) { thread.join() }
            throw error
        }
        if !options.relays.isEmpty { setRelays(options.relays) }
    }

    /// From now on these are the addresses of other relays: what comes from them to a group or a
    /// broadcast address has been relayed, and is `dropped.loop` where it would be relayed again.
    package func setRelays(_ addresses: Set<IPAddress>) { _ = mailbox.post(.relays(addresses)) }

    /// Stops the relay thread; sessions that are still started are no longer served. Commands that
    /// still run are ended before.
    package func shutDown() {
        handlers.close()
        if mailbox.post(.stop) { thread.join() }
    }

    /// How long the rounds of the relay thread took, since the start.
    package var loopTimes: LoopTimes { meter.values() }

    /// Opens, binds and joins; the session is not served before `start`.
    ///
    /// Throws `SessionError` with one of the codes for what is impossible here and now.
    ///
    /// - Parameters:
    ///   - targetsMayWait: whether a target of `forward` whose interface or route is missing
    ///     waits alone; otherwise it is an error of the session.
    ///   - admits: throws where the session must not use this interface; it is asked
    ///     before anything is opened.
    package func open(
        _ shared: SharedDefinition,
        activity: SessionActivity,
        targetsMayWait: Bool = false,
        admits: (InterfaceReference) throws(SessionError) -> Void = { _ in }
    ) throws(SessionError) -> RelaySession {
        let interfaces = try Self.interfaces()
        let path = try ResolvedPath.resolve(shared.value, interfaces: interfaces)
        if let interface = path.interface { try admits(interface) }
        return try open(
            shared,
            activity: activity,
            path: path,
            targetsMayWait: targetsMayWait,
            interfaces: interfaces,
            admits: admits
        )
    }

    /// The same for a definition that is not shared with a registry.
    package func open(
        _ definition: SessionDefinition,
        activity: SessionActivity,
        targetsMayWait: Bool = false,
        admits: (InterfaceReference) throws(SessionError) -> Void = { _ in }
    ) throws(SessionError) -> RelaySession {
        try open(
            SharedDefinition(definition),
            activity: activity,
            targetsMayWait: targetsMayWait,
            admits: admits
        )
    }

    func open(
        _ shared: SharedDefinition,
        activity: SessionActivity,
        path: ResolvedPath,
        targetsMayWait: Bool,
        interfaces: [NetworkInterface],
        admits: (InterfaceReference) throws(SessionError) -> Void
    ) throws(SessionError) -> RelaySession {
        let definition = shared.value
        let handler = try handlerQueue(of: definition)
        noteAddresses(of: interfaces)
        if !targetsMayWait { try Self.checkOwnPort(definition) }
        let (socket, receiveBufferBytes) = try openSocket(definition, path)
        return RelaySession(
            shared,
            activity: activity,
            path: path,
            socket: socket,
            handler: handler,
            targets: try openTargets(
                definition,
                path: path,
                activity: activity,
                keeping: [],
                mayWait: targetsMayWait,
                interfaces: interfaces,
                admits: admits
            ),
            receiveBufferBytes: receiveBufferBytes
        )
    }

    func openSocket(
        _ definition: SessionDefinition,
        _ path: ResolvedPath
    ) throws(SessionError) -> (SessionSocket, receiveBufferBytes: Int) {
        do {
            let socket = try SessionSocket.open(
                definition,
                interfaceIndex: path.interface?.index ?? 0,
                descriptorCeiling: descriptorCeiling
            )
            return (socket, try socket.grantedReceiveBufferBytes())
        } catch {
            throw SessionError(error)
        }
    }

    var descriptorCeiling: Int32 { options.descriptorCeiling }

    /// Tells the relay thread which interfaces and addresses this host has, and which networks, as
    /// neighbours are answered by their link. Called with every list of interfaces that is at hand.
    package func noteAddresses(of interfaces: [NetworkInterface]) {
        let changed = host.withLock { host -> Host? in
            if host.interfaces == interfaces { return nil }
            host.interfaces = interfaces
            return host
        }
        if let changed { post(changed) }
    }

    /// From now on sessions let in only what comes in by interfaces that the operator admits.
    ///
    /// - Parameters:
    ///   - admits: whether an interface may be used, by its name; nil = all may.
    ///   - ttlMax: the largest TTL or hop limit of answers whose session names none.
    package func setAdmitted(_ admits: (@Sendable (String) -> Bool)?, ttlMax: UInt8 = .max) {
        let host = Host(
            interfaces: (try? HostNetwork.interfaces()) ?? [],
            admits: admits,
            ttlMax: ttlMax
        )
        self.host.withLock { $0 = host }
        post(host)
    }

    private func post(_ host: Host) {
        _ = mailbox.post(.networks(OnLinkNetworks(host.interfaces)))
        let interfaces = HostInterfaces(
            host.interfaces,
            admits: host.admits,
            ttlMax: host.ttlMax
        )
        _ = mailbox.post(.interfaces(interfaces))
    }

    static func interfaces() throws(SessionError) -> [NetworkInterface] {
        do {
            return try HostNetwork.interfaces()
        } catch {
            throw SessionError(error)
        }
    }

    /// Serves an opened session; returns when the relay thread has taken it over.
    package func start(_ session: RelaySession) throws(SessionError) {
        session.activity.attach(session.socket)
        try ask { done in .add(session, done: done) }
    }

    /// Has the relay thread do something, and returns when it is done.
    func ask(
        _ command: (@escaping @Sendable (SystemCallError?) -> Void) -> RelayCommand
    ) throws(SessionError) {
        let failure = Locked<SystemCallError?>(nil)
        let isDone = Latch()
        let isPosted = mailbox.post(
            command { error in
                failure.withLock { $0 = error }
                isDone.set()
            }
        )
        guard isPosted else { throw Self.isShutDown }
        isDone.wait()
        if let error = failure.withLock({ $0 }) { throw SessionError(error) }
    }

    /// Serves the session no longer; when this returns, no more of its datagrams are handled, its
    /// socket is closed and its group is left. Harmless for a session that was never started.
    package func stop(_ session: RelaySession) {
        let isDone = Latch()
        if mailbox.post(.remove(session) { isDone.set() }) { isDone.wait() }
        Self.closeTargets(of: session, notIn: nil)
        session.activity.detach()
        session.socket.close()
        handlers.waitForStart()
    }

    private static let isShutDown = SessionError(.sessionNotRunning, "the engine was shut down")
    private static let isOverloaded = SessionError(
        .sendBufferFull,
        "too many requests wait to be sent; try later"
    )

    /// Sends datagrams from a session in order, stopping at the first that fails.
    ///
    /// `done` is called once, on the relay thread or, where the request is refused because too
    /// many wait or the engine was shut down, at once.
    package func send(
        _ request: SendRequest,
        from session: RelaySession,
        done: @escaping @Sendable (SendOutcome) -> Void
    ) {
        if mailbox.post(.send(session, request, done: done)) { return }
        done(SendOutcome(failure: mailbox.isClosed ? Self.isShutDown : Self.isOverloaded))
    }
}
