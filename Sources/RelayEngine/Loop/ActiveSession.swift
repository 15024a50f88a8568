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
    var replier: Replier?
    /// Where accepted datagrams go on to.
    private(set) var targets: [ActiveTarget] = []
    /// How it waits before it drains its socket.
    var drain: Drain
    /// What `limits` lets be sent.
    var sendLimiter: TrafficLimiter?
    /// What tells neighbours from askers that are routed to.
    let links: HostLinks
    private var host: HostInterfaces
    let copies: SentCopies
    /// Who may hear what is posted.
    var hearers = Hearers()
    /// Datagrams of the next batch.
    private var batchLimit = ReceiveBatch.capacity

    /// Receives in a row before the other sessions get their turn.
    private static let batchesPerTurn = 4

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
            Replier($0, hostname: hostname, number: copies.nextReplierNumber())
        }
        drain = Drain(session.definition.coalescing)
        sendLimiter = session.definition.limits.map { TrafficLimiter($0, at: now) }
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
                Replier($0, hostname: hostname, number: copies.nextReplierNumber())
            }
        }
        if definition.coalescing != previous.coalescing { drain.change(to: definition.coalescing) }
        if definition.limits != previous.limits {
            sendLimiter = definition.limits.map { TrafficLimiter($0, at: now) }
        }
        hearers = Hearers(of: self, sent: .original)
        admission.listener?.session = self
        setTargets(of: next, at: now)
    }

    /// The host's interfaces have other addresses, or the operator lets others be used.
    func setHost(_ host: HostInterfaces) {
        self.host = host
        admission.setHost(host, of: session)
    }

    private func setTargets(of session: RelaySession, at now: Int64) {
        let old = targets
        targets = session.targets.map { target in
            if let active = old.first(where: { $0.serves(target) }) {
                active.follow(target, port: session.localEndpoint.port)
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
            active.openMappings(copies.ownSockets, keepingThoseOf: old)
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
        for active in targets { active.setFeeder(admission.listener) }
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

    /// Receives what is there, up to a turn's worth; what remains is reported by the next wait.
    /// How many datagrams came.
    @discardableResult
    func receive(
        _ batch: inout ReceiveBatch,
        spare: inout ReceiveBatch,
        replies: inout SendBatch
    ) -> Int {
        var total = 0
        for _ in 0..<Self.batchesPerTurn {
            let limit = batchLimit
            let count = receive(into: &batch)
            if count < 0 { return total }
            if count == 0 { continue }
            if let feeders = admission.listener?.feeders, !feeders.isEmpty {
                process(batch, 0..<count, after: feeders, &spare, replies: &replies)
            } else {
                process(batch, 0..<count, replies: &replies)
            }
            total += count
            if count < limit { return total }
            batchLimit = nextBatchLimit(batch.length(0))
        }
        return total
    }

    /// Says of what came to groups and broadcast addresses which address of this host it came to:
    /// the one that the session's interface is named by; and where there is none, of IPv6 one that
    /// faces the sender, which of IPv4 the kernel says.
    private func noteLocalAddresses(_ batch: inout ReceiveBatch, _ count: Int) {
        let named = session.path.source
        guard named != nil || session.definition.family == .ipv6 && session.definition.joins else {
            return
        }
        var last: (source: IPAddress, address: IPAddress?)?
        for index in 0..<count {
            let datagram = batch.datagram(index)
            guard let destinationClass = datagram.destinationClass, destinationClass != .unicast
            else { continue }
            let source = datagram.sourceAddress
            if last?.source != source {
                let facing = { self.host.address(of: datagram.interfaceIndex, facing: source) }
                last = (source, named ?? facing())
            }
            if let address = last?.address { batch.setLocalAddress(index, address) }
        }
    }

    /// How many datagrams came; 0 when the network reported something instead, negative when there
    /// is nothing.
    private func receive(into batch: inout ReceiveBatch) -> Int {
        let count = session.socket.receive(into: &batch, limit: batchLimit)
        if count > 0 { noteLocalAddresses(&batch, count) }
        if count >= 0 || count == -Int(EAGAIN) { return count }
        collectReports(pending: Int32(-count))
        return 0
    }

    /// For datagrams of this length: whole messages, where a target merges them.
    private func nextBatchLimit(_ length: Int) -> Int {
        let merges = targets.contains { target in
            target.chaos == nil && target.forwarding.map { length <= $0.segmentMax } ?? false
        }
        return merges ? ReceiveBatch.limitOfWholeMessages(length: length) : ReceiveBatch.capacity
    }

    private func process(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        replies: inout SendBatch
    ) {
        if range.isEmpty { return }
        let now = HostNetwork.now()
        let monotonicNow = admission.needsTime ? HostNetwork.monotonicNanoseconds() : 0
        copies.beginBatch()
        let verdicts = admission.judge(batch, range, at: monotonicNow)
        activity.counters.countReceived(verdicts.tally, at: now)
        activity.counters.countCircling(UInt64(verdicts.circling))
        let first = remember(batch, range, verdicts.reasons, now)
        if !targets.isEmpty && verdicts.accepted != 0 {
            forward(batch, verdicts.accepted, at: monotonicNow)
        }
        if replier != nil { reply(to: batch, range, verdicts.reasons, first, &replies) }
    }

    /// Processes a batch together with what those have to read that relay to where this session
    /// listens, in the order of arrival, so that no copy is taken for new when another relay was
    /// faster.
    private func process(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        after feeders: [CopyListener],
        _ spare: inout ReceiveBatch,
        replies: inout SendBatch
    ) {
        var rest = range
        for feeder in feeders {
            guard let other = feeder.session, let last = batch.arrivalTime(range.upperBound - 1),
                other.session.socket.nextArrival?.isBefore(last) == true
            else { continue }
            var others = 0..<max(other.receive(into: &spare), 0)
            while !rest.isEmpty && !others.isEmpty {
                let theirs = spare.arrivals(of: others, before: batch.arrivalTime(rest.lowerBound))
                other.process(spare, theirs, replies: &replies)
                others = theirs.upperBound..<others.upperBound
                if others.isEmpty { break }
                let own = batch.arrivals(of: rest, before: spare.arrivalTime(others.lowerBound))
                // Of two at once, its own goes first.
                let next = own.isEmpty ? rest.prefix(1) : own
                process(batch, next, replies: &replies)
                rest = next.upperBound..<rest.upperBound
            }
            other.process(spare, others, replies: &replies)
        }
        process(batch, rest, replies: &replies)
    }

    private func remember(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        _ verdicts: InlineArray<64, DropReason?>,
        _ now: Timestamp
    ) -> UInt64 {
        let port = session.socket.localEndpoint.port
        return activity.recentPackets.record(.received) { ring, sources in
            sources.note(batch, range, at: now)
            ring.append(batch, range, verdicts, localPort: port, at: now)
        }
    }

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

    /// Its socket sends to its group or broadcast address, and to hosts only what answers them.
    private var reportedDestinations: ReportedDestinations {
        guard session.definition.answers else { return .none }
        return .hosts(notBroadcast: session.path.destination?.address)
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
