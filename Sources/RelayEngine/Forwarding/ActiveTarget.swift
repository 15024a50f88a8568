import RelayModel

/// A forward target as the relay thread serves it.
final class ActiveTarget {
    private(set) var target: RelayTarget
    let counters: SessionCounters
    private let copies: SentCopies
    /// How a target by address sends; nil for one that waits, or that a session sends for.
    var forwarding: Forwarding?
    /// The session that sends for it; nil when none of that name runs and can send.
    var relay: ActiveSession?
    var chaos: Box<ChaosLine>?
    /// The ports of the askers, with `mapReplies`.
    var mappings: ReplyMappings?
    /// Which answers may go back to them.
    private(set) var answerFilter: DatagramFilter?
    /// The sockets that keep source ports, with `sourceMode` preserve.
    var sourcePorts: SourcePorts?
    /// Whether a datagram leaves with the address that it came from.
    let preservesSource: Bool
    /// Whether it leaves with the port that it came from, too.
    private let preservesPort: Bool
    /// Whether what it sends stays on this host.
    private var leavesByLoopback = false
    /// Whether the loop's poller tells of what the network reports to its socket.
    var isWatched = false

    /// nil = every source.
    private let sources: SourceRules?
    private var limiter: Box<TrafficLimiter>?
    /// Datagrams until the next one of the sample.
    private var skips = 0
    /// Who may hear what it sends.
    private var hearers = Hearers()
    /// The session's own listener, which what is sent follows from.
    private var feeder: CopyListener?
    /// Where a datagram that came this way would go back to; nil = to where none comes from.
    private var reflection: Reflection?

    /// - Parameter port: the port that the session receives on.
    init(
        _ target: RelayTarget,
        port: UInt16,
        counters: SessionCounters,
        copies: SentCopies,
        at now: Int64
    ) {
        self.target = target
        self.counters = counters
        sources = target.definition.sourceRules
        self.copies = copies
        limiter = target.definition.limits.map { Box(TrafficLimiter($0, at: now)) }
        chaos = target.definition.chaos.map { Box(ChaosLine($0, at: now)) }
        guard case .endpoint(let endpoint) = target.definition.destination else {
            (preservesSource, preservesPort) = (false, false)
            return
        }
        preservesSource = endpoint.sourceMode == .preserve
        preservesPort = preservesSource && endpoint.localPort == 0
        setPath(port: port)
    }

    /// Goes on as another value for the same socket: its path may be another one.
    func follow(_ next: RelayTarget, port: UInt16) {
        let previous = target
        target = next
        if previous.egress?.path != next.egress?.path { setPath(port: port) }
    }

    /// Goes on with the buckets of the target that it stands for from now on, where the limits are the
    /// same, and with its place in the sample.
    func keepPace(ofThoseIn old: [ActiveTarget]) {
        guard let previous = old.first(where: { $0.target.activity === target.activity }) else {
            return
        }
        let (former, definition) = (previous.target.definition, target.definition)
        if former.limits == definition.limits { limiter = previous.limiter }
        if former.sampleOneIn == definition.sampleOneIn { skips = previous.skips }
    }

    private func setPath(port: UInt16) {
        guard let path = target.egress?.path,
            case .endpoint(let endpoint) = target.definition.destination
        else { return }
        leavesByLoopback = path.isLoopback
        // The kernel takes a link-local source only with its interface.
        let namesInterface = preservesSource && endpoint.address.family == .ipv6
        forwarding = Forwarding(
            to: path.destination,
            interfaceIndex: namesInterface ? path.interface.index : path.forcedInterfaceIndex,
            source: path.source,
            segmentMax: path.segmentMax,
            decrementsTTL: target.definition.ttlMode == .decrement,
            preservesSource: preservesSource,
            preservesDSCP: target.definition.preservesDSCP
        )
        reflection = Reflection(
            path.destination,
            audience: path.audience,
            by: path.interface.index,
            ofPort: port
        )
        hearers = Hearers(of: target)
    }

    var activity: TargetActivity { target.activity }

    /// Answers are let in from now on as these interfaces and this model say.
    func setHost(_ host: HostInterfaces, _ model: HostModel) {
        guard case .endpoint(let endpoint) = target.definition.destination,
            endpoint.mapReplies != nil, let path = target.egress?.path
        else { return }
        answerFilter = DatagramFilter(
            answersTo: endpoint,
            interfaceIndex: path.interface.index,
            model,
            host
        )
    }

    /// Of which datagrams the network's reports count, for a target with sockets of its own.
    var reportedDestinations: ReportedDestinations {
        target.egress?.path.reportedDestinations ?? .none
    }

    /// Whether it can go on as this target: the same definition and the same socket.
    func serves(_ other: RelayTarget) -> Bool {
        target.definition == other.definition && target.activity === other.activity
            && target.egress?.socket === other.egress?.socket
    }

    var sessionName: SessionName? {
        if case .session(let name) = target.definition.destination { name } else { nil }
    }

    /// Sends by the socket of this session from now on; nil = by none.
    func setRelay(_ relay: ActiveSession?, port: UInt16) {
        guard let relay, let destination = relay.session.path.destination else {
            self.relay = nil
            (forwarding, reflection) = (nil, nil)
            hearers = Hearers()
            return
        }
        self.relay = relay
        let session = relay.session
        forwarding = Forwarding(
            to: destination,
            interfaceIndex: relay.namedInterfaceIndex,
            source: session.path.source,
            segmentMax: session.path.segmentMax,
            decrementsTTL: target.definition.ttlMode == .decrement,
            preservesSource: false,
            preservesDSCP: target.definition.preservesDSCP
        )
        reflection = Reflection(
            destination,
            audience: session.path.audience,
            by: session.path.interface?.index ?? 0,
            ofPort: port
        )
        hearers = Hearers(of: relay, sent: .relayedBySession)
        setFeeder(feeder)
    }

    /// What it sends follows from what this listener hears from now on.
    func setFeeder(_ feeder: CopyListener?) {
        self.feeder = feeder
        hearers.setFeeder(feeder)
        hearers.refresh(copies)
    }

    /// Remembers datagrams of a mask that left, so that they are known when they come back.
    func noteSent(_ batch: borrowing ReceiveBatch, _ mask: UInt64, at now: Int64) {
        hearers.note(batch, mask, in: copies, at: now)
    }

    /// The same for datagrams that chaos had held back.
    func noteSent(_ batch: borrowing SendBatch, _ range: Range<Int>, at now: Int64) {
        for index in range { hearers.note(batch.payload(index), in: copies, at: now) }
    }

    /// Those of the datagrams that are to be sent; the others are counted by their reasons.
    func select(_ batch: borrowing ReceiveBatch, _ mask: UInt64, at now: Int64) -> UInt64 {
        let definition = target.definition
        let mask = sources.map { admit(batch, mask, by: $0) } ?? mask
        if mask == 0 { return 0 }
        if reflection == nil && limiter == nil && definition.sampleOneIn == 1
            && definition.ttlMode == .fixed && relay?.sendLimiter == nil && !preservesSource
        {
            return mask
        }
        var (rest, selected) = (mask, mask)
        var dropped = InlineArray<8, UInt64>(repeating: 0)
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if let reason = dropReason(batch, index, now) {
                selected &= ~(1 &<< UInt64(index))
                dropped[Int(reason.rawValue)] += 1
            }
        }
        if selected != mask {
            for reason in TargetDropReason.allCases {
                activity.countDropped(dropped[Int(reason.rawValue)], reason)
            }
        }
        return selected
    }

    /// Those of the datagrams whose sources the rules admit, which is found once for a run of one
    /// source; the others are counted.
    private func admit(
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        by rules: SourceRules
    ) -> UInt64 {
        var (rest, admitted) = (mask, mask)
        var last: IPAddress?
        var isAdmitted = true
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let source = batch.datagram(index).sourceAddress
            if source != last { isAdmitted = rules.admit(source) }
            last = source
            if !isAdmitted { admitted &= ~(1 &<< UInt64(index)) }
        }
        if admitted != mask {
            activity.countDropped(UInt64((mask & ~admitted).nonzeroBitCount), .source)
        }
        return admitted
    }

    /// Whether a datagram can leave as its sender. A loopback address never leaves its host (RFC 1122,
    /// section 3.2.1.3; RFC 4291, section 2.5.3): the kernel refuses it.
    private func canPreserveSource(of datagram: ReceivedDatagram) -> Bool {
        let source = datagram.sourceAddress
        if source.isUnspecified || preservesPort && datagram.sourcePort == 0 { return false }
        return !source.isLoopback || leavesByLoopback
    }

    private func dropReason(
        _ batch: borrowing ReceiveBatch,
        _ index: Int,
        _ now: Int64
    ) -> TargetDropReason? {
        let datagram = batch.datagram(index)
        let definition = target.definition
        if reflection?.holds(for: datagram) == true { return .loop }
        if definition.ttlMode == .decrement, datagram.ttl ?? 0 <= definition.ttlThreshold {
            return .ttl
        }
        if preservesSource && !canPreserveSource(of: datagram) { return .sourceUnavailable }
        if definition.sampleOneIn > 1 {
            if skips > 0 {
                skips -= 1
                return .sampling
            }
            skips = definition.sampleOneIn - 1
        }
        // Of two limits, what one refuses takes nothing from the other.
        if limiter?.value.has(bytes: datagram.length, at: now) == false { return .rate }
        if relay?.takeSendTokens(bytes: datagram.length, at: now) == false { return .rate }
        _ = limiter?.value.take(bytes: datagram.length, at: now)
        return nil
    }
}

extension ForwardTarget {
    /// nil = every source.
    fileprivate var sourceRules: SourceRules? {
        allow.isEmpty && deny.isEmpty ? nil : SourceRules(allow: allow, deny: deny)
    }
}
