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

    private(set) var filter: DatagramFilter
    /// Whether it receives copies of what it sends, and drops them. A copy comes back by the
    /// loopback interface and as a broadcast even where IP_MULTICAST_LOOP is 0.
    private(set) var dropsOwnCopies: Bool
    var own = OwnDatagrams()
    var replier: Replier?
    /// Where accepted datagrams go on to.
    private(set) var targets: [ActiveTarget] = []
    /// How it waits before it drains its socket.
    var drain: Drain
    /// What `limits` lets be sent, and forwarded.
    var sendLimiter: TrafficLimiter?
    private var forwardLimiter: TrafficLimiter?
    private var loopGuard: LoopGuard?
    /// Whether a repetition cannot be told from a datagram that has come back.
    private var refusesRepeats = false
    private let relaySources: RelaySources

    /// Receives in a row before the other sessions get their turn.
    private static let batchesPerTurn = 4

    init(_ session: RelaySession, hostname: String, relaySources: RelaySources) {
        self.session = session
        self.relaySources = relaySources
        filter = DatagramFilter(session)
        dropsOwnCopies = session.definition.dropsOwnCopies
        replier = session.definition.reply.map { Replier($0, hostname: hostname) }
        drain = Drain(session.definition.coalescing)
        limit(as: session.definition)
        setTargets(of: session)
    }

    /// Goes on with another definition for the same socket. What has an equal definition keeps its
    /// state: an equal reply and equal limits their token buckets, an equal target all it holds.
    func change(to next: RelaySession, hostname: String) {
        let previous = session.definition
        if next.definition.reply != previous.reply {
            replier = next.definition.reply.map { Replier($0, hostname: hostname) }
        }
        session = next
        filter = DatagramFilter(next)
        dropsOwnCopies = next.definition.dropsOwnCopies
        // Copies that are let in use nothing up.
        if !dropsOwnCopies { own = OwnDatagrams() }
        if next.definition.coalescing != previous.coalescing {
            drain.change(to: next.definition.coalescing)
        }
        if next.definition.limits != previous.limits { limit(as: next.definition) }
        if next.definition.loopGuardMilliseconds != previous.loopGuardMilliseconds {
            loopGuard = nil
        }
        setTargets(of: next)
    }

    private func limit(as definition: SessionDefinition) {
        let now = HostNetwork.monotonicNanoseconds()
        sendLimiter = definition.limits.map { TrafficLimiter($0, at: now) }
        forwardLimiter = sendLimiter
    }

    private func setTargets(of session: RelaySession) {
        let now = HostNetwork.monotonicNanoseconds()
        let old = targets
        targets = session.targets.map { target in
            if let active = old.first(where: { $0.serves(target) }) { return active }
            relaySources.add(target)
            return ActiveTarget(
                target,
                of: session.definition,
                counters: activity.counters,
                at: now
            )
        }
        for active in old where !targets.contains(where: { $0 === active }) {
            relaySources.remove(active.target)
            active.relay = nil
        }
        activity.setTargets(targets.map(\.activity))
        let milliseconds = session.definition.loopGuardMilliseconds
        if targets.isEmpty || milliseconds == 0 {
            loopGuard = nil
        } else if loopGuard == nil {
            loopGuard = LoopGuard(lifetimeMilliseconds: milliseconds)
        }
        refusesRepeats = session.definition.preservesSources
    }

    /// Lets go of everything that belongs to its targets; it is not served any longer.
    func closeTargets() {
        for active in targets {
            relaySources.remove(active.target)
            active.relay = nil
            active.target.egress?.socket.close()
        }
        targets = []
    }

    var activity: SessionActivity { session.activity }

    /// Receives what is there, up to a turn's worth; what remains is reported by the next wait.
    /// How many datagrams came.
    @discardableResult
    func receive(_ batch: inout ReceiveBatch, replies: inout SendBatch) -> Int {
        var total = 0
        for _ in 0..<Self.batchesPerTurn {
            let count = session.socket.receive(into: &batch)
            if count < 0 {
                if count == -Int(EAGAIN) { return total }
                collectErrors(pending: Int32(-count))
                continue
            }
            process(batch, count, replies: &replies)
            total += count
            if count < ReceiveBatch.capacity { return total }
        }
        return total
    }

    private func process(
        _ batch: borrowing ReceiveBatch,
        _ count: Int,
        replies: inout SendBatch
    ) {
        let now = HostNetwork.now()
        let forwards = !targets.isEmpty
        let monotonicNow = dropsOwnCopies || forwards ? HostNetwork.monotonicNanoseconds() : 0
        var tally = ReceiveTally()
        var verdicts = InlineArray<64, DropReason?>(repeating: nil)
        var accepted: UInt64 = 0
        for index in 0..<count {
            let datagram = batch.datagram(index)
            var verdict = filter.dropReason(datagram) {
                isOwn(datagram, batch.payload(index), monotonicNow)
            }
            if forwards && verdict == nil {
                verdict = dropReason(ofForwarding: datagram, batch.payload(index), monotonicNow)
            }
            verdicts[index] = verdict
            if verdict == nil { accepted |= 1 &<< UInt64(index) }
            tally.count(datagram.length, verdict)
            if datagram.isTruncated { tally.truncated += 1 }
        }
        activity.counters.countReceived(tally, at: now)
        let first = remember(batch, count, verdicts, now)
        if forwards && accepted != 0 { forward(batch, accepted, at: monotonicNow) }
        if replier != nil { reply(to: batch, count, verdicts, first, &replies) }
    }

    /// Why a datagram that came through the filter must not go on; nil = it goes on.
    @inline(__always)
    private func dropReason(
        ofForwarding datagram: ReceivedDatagram,
        _ payload: Span<UInt8>,
        _ now: Int64
    ) -> DropReason? {
        if relaySources.contains(datagram.source) { return .loop }
        if loopGuard?.isReturning(
            payload,
            from: datagram.source,
            refusesRepeats: refusesRepeats,
            at: now
        ) == true {
            return .loop
        }
        if forwardLimiter?.take(bytes: datagram.length, at: now) == false { return .rate }
        return nil
    }

    private func isOwn(
        _ datagram: ReceivedDatagram,
        _ payload: Span<UInt8>,
        _ now: Int64
    ) -> Bool {
        guard dropsOwnCopies,
            datagram.source.port == session.socket.localEndpoint.port,
            let destination = datagram.destination
        else { return false }
        return own.takeCopy(payload, to: destination, at: now)
    }

    private func remember(
        _ batch: borrowing ReceiveBatch,
        _ count: Int,
        _ verdicts: InlineArray<64, DropReason?>,
        _ now: Timestamp
    ) -> UInt64 {
        let port = session.socket.localEndpoint.port
        return activity.recentPackets.record(.received) { ring, sources in
            for index in 0..<count {
                let datagram = batch.datagram(index)
                sources.note(datagram.source, length: datagram.length, at: now)
                ring.append(
                    PacketRing.Header(
                        datagram,
                        localPort: port,
                        dropReason: verdicts[index],
                        at: now
                    ),
                    payload: batch.payload(index)
                )
            }
        }
    }

    /// Counts what ICMP reported of earlier sends, and whatever else is pending on the socket.
    func collectErrors(pending: Int32 = 0) {
        let errors = ErrorQueue.take(from: session.socket.number)
        let reported = errors.isEmpty ? [pending].filter { $0 != 0 } : errors
        guard let last = reported.last else { return }
        activity.counters.countSendFailed(UInt64(reported.count))
        note(errors.isEmpty ? "recvmsg" : "icmp", last)
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

extension SessionDefinition {
    fileprivate var dropsOwnCopies: Bool {
        (kind == .multicastPeer || role == .peer) && !receiveOwn
    }

    fileprivate var preservesSources: Bool {
        forward.contains { target in
            guard case .endpoint(let endpoint) = target.destination else { return false }
            return endpoint.sourceMode == .preserve
        }
    }
}

extension PacketRing.Header {
    init(
        _ datagram: ReceivedDatagram,
        localPort: UInt16,
        dropReason: DropReason?,
        at now: Timestamp
    ) {
        self.init(
            at: now,
            direction: .received,
            source: datagram.source,
            destination: Endpoint(
                datagram.destination ?? .unspecified(datagram.source.address.family),
                port: localPort
            ),
            destinationClass: datagram.destinationClass ?? .unicast,
            interfaceIndex: datagram.interfaceIndex,
            localAddress: datagram.localAddress,
            ttl: datagram.ttl,
            length: datagram.length,
            dropReason: dropReason
        )
    }
}
