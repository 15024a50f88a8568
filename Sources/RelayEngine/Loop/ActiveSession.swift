import Glibc
import RelayModel

/// A session as the relay thread runs it: everything that only this thread touches.
final class ActiveSession {
    private(set) var session: RelaySession
    var pendingSends: [PendingSend] = []
    /// Whether requests wait for buffer space.
    var isWatchingWritable = false
    /// How the poller watches the socket.
    var watch = Poller.Watch.readable

    /// What it accepts.
    var admission: Admission
    var replier: Box<Replier>?
    /// Where accepted datagrams go on to.
    private(set) var targets: [ActiveTarget] = []
    /// How it waits before it drains its socket.
    var drain: Drain
    /// What `limits` lets be sent.
    var sendLimiter: Box<TrafficLimiter>?
    /// What tells neighbours from askers that are routed to.
    let links: HostLinks
    private(set) var host: HostInterfaces
    let copies: SentCopies
    /// Who may hear what is posted.
    var hearers = Hearers()
    /// An interface and an address of it, as the latest datagrams to an IPv4 group or broadcast
    /// address had them.
    var latestLocal: (interfaceIndex: Int32, address: UInt64) = (0, 0)
    /// Datagrams of the next batch.
    var batchLimit = ReceiveBatch.capacity

    /// Receives in a row before the other sessions get their turn, and where no other one waits:
    /// about half a millisecond, after which commands are looked for.
    static let batchesPerTurn = 4
    static let batchesWhenAlone = 8

    init(
        _ session: RelaySession,
        hostname: String,
        copies: SentCopies,
        links: HostLinks = HostLinks(),
        host: HostInterfaces
    ) {
        self.links = links
        self.session = session
        self.copies = copies
        self.host = host
        let now = HostNetwork.monotonicNanoseconds()
        admission = Admission(session, copies: copies, host: host, at: now)
        replier = session.definition.reply.map {
            Box(Replier($0, hostname: hostname, number: copies.nextReplierNumber()))
        }
        drain = Drain(session.definition.coalescing)
        sendLimiter = session.definition.limits.map { Box(TrafficLimiter($0, at: now)) }
        copies.ownSockets.add(session.socket.localEndpoint.port, .shared)
        hearers = Hearers(of: self, sent: .original)
        admission.listener?.session = self
        setTargets(of: session, at: now)
    }

    /// Goes on with another definition for the same socket. What has an equal definition keeps its
    /// state: an equal reply and equal limits their token buckets, an equal target all it holds.
    func change(to next: RelaySession, hostname: String) {
        let (previous, definition) = (session.definition, next.definition)
        let now = HostNetwork.monotonicNanoseconds()
        session = next
        admission.change(
            to: Admission(
                next,
                copies: copies,
                host: host,
                replacing: admission.listener,
                at: now
            ),
            from: previous,
            to: definition
        )
        if definition.reply != previous.reply {
            replier = definition.reply.map {
                Box(Replier($0, hostname: hostname, number: copies.nextReplierNumber()))
            }
        }
        if definition.coalescing != previous.coalescing { drain.change(to: definition.coalescing) }
        if definition.limits != previous.limits {
            sendLimiter = definition.limits.map { Box(TrafficLimiter($0, at: now)) }
        }
        hearers = Hearers(of: self, sent: .original)
        admission.listener?.session = self
        setTargets(of: next, at: now)
    }

    /// The host's interfaces have other addresses, or the operator lets others be used.
    func setHost(_ host: HostInterfaces) {
        self.host = host
        latestLocal = (0, 0)
        admission.setHost(host, of: session)
        for active in targets { active.setHost(host, session.definition.hostModel) }
    }

    private func setTargets(of session: RelaySession, at now: Int64) {
        let old = targets
        targets = session.targets.map { target in
            if let active = old.first(where: { $0.serves(target) }) {
                active.follow(target, port: session.localEndpoint.port)
                active.setReceiveBuffer(session.definition.receiveBufferBytes)
                return active
            }
            target.add(to: copies.ownSockets)
            let active = ActiveTarget(
                target,
                port: session.localEndpoint.port,
                counters: activity.counters,
                copies: copies,
                at: now
            )
            active.keepPace(ofThoseIn: old)
            active.openMappings(
                copies.ownSockets,
                links,
                receiveBufferBytes: session.definition.receiveBufferBytes,
                keepingThoseOf: old
            )
            active.openSourcePorts(keepingThoseOf: old)
            active.isWatched = old.contains { previous in
                previous.isWatched && previous.target.egress?.socket === target.egress?.socket
            }
            return active
        }
        for active in old where !targets.contains(where: { $0 === active }) {
            active.target.remove(from: copies.ownSockets)
            active.relay = nil
            active.closeMappings()
            active.closeSourcePorts()
        }
        for active in targets {
            active.setFeeder(admission.listener)
            active.setHost(host, session.definition.hostModel)
        }
        activity.setTargets(targets.map(\.activity))
    }

    /// Lets go of everything that others know of it; it is not served any longer.
    func close() {
        copies.ownSockets.remove(session.socket.localEndpoint.port, .shared)
        if let listener = admission.listener { copies.remove(listener) }
        for active in targets {
            active.target.remove(from: copies.ownSockets)
            active.relay = nil
            active.closeMappings()
            active.closeSourcePorts()
            active.target.egress?.socket.close()
        }
        targets = []
    }

    var activity: SessionActivity { session.activity }

    /// Counts what the network reported of what the session's socket has sent.
    ///
    /// - Parameter pending: the error that receiving failed with, which is always such a report.
    func collectReports(pending: Int32 = 0) {
        let reports = ErrorQueue.take(
            from: session.socket.number,
            about: reportedDestinations,
            pending: pending
        )
        if reports.count > 0 { count(reports) }
    }

    /// Whether an error of the session's socket was of an earlier datagram, so that the send is to
    /// be tried again.
    func isStale(_ error: Int32, _ stale: inout StaleErrors) -> Bool {
        stale.include(
            error,
            on: session.socket.number,
            about: reportedDestinations,
            count
        )
    }

    private func count(_ reports: NetworkReports) {
        activity.counters.countUnreachable(reports.count)
        note("icmp", reports.last)
    }

    private var reportedDestinations: ReportedDestinations {
        session.path.reportedDestinations(answers: session.definition.answers)
    }

    func note(_ operation: String, _ number: Int32) {
        activity.recentPackets.record(
            TransferError(
                at: HostNetwork.now(),
                operation: operation,
                errno: SystemCallError.name(of: number)
            )
        )
    }
}
