import RelayModel

/// Decides which datagrams of a batch a session accepts, and keeps what it needs for that.
///
/// A batch is judged in one call, so that what changes with each datagram stays in registers.
struct Admission {
    /// What a batch came to.
    struct Verdicts {
        /// Why a datagram is dropped; nil = accepted.
        var reasons = InlineArray<64, DropReason?>(repeating: nil)
        /// The accepted datagrams, as bits.
        var accepted: UInt64 = 0
        var tally = ReceiveTally()
    }

    private var filter: DatagramFilter
    /// Whether the session receives copies of what it sends, and drops them. A copy comes back by
    /// the loopback interface and as a broadcast even where IP_MULTICAST_LOOP is 0.
    let dropsOwnCopies: Bool
    /// The session's own port, which its copies come from.
    private let localPort: UInt16
    var own = OwnDatagrams()

    /// nil for a session that forwards nothing.
    private var relaySources: RelaySources?
    private var limiter: TrafficLimiter?
    /// Whether there is a limiter, which is then not copied to look.
    private let isLimited: Bool
    private var loopGuard: LoopGuard?
    /// Whether a repetition cannot be told from a datagram that has come back.
    private let refusesRepeats: Bool

    init(
        _ session: RelaySession,
        relaySources: RelaySources,
        host: HostInterfaces,
        at now: Int64
    ) {
        let definition = session.definition
        filter = DatagramFilter(session, host)
        dropsOwnCopies = definition.dropsOwnCopies
        localPort = session.socket.localEndpoint.port
        refusesRepeats = definition.preservesSources
        isLimited = definition.limits != nil && !definition.forward.isEmpty
        if definition.forward.isEmpty { return }
        self.relaySources = relaySources
        limiter = definition.limits.map { TrafficLimiter($0, at: now) }
        if definition.loopGuardMilliseconds > 0 {
            loopGuard = LoopGuard(lifetimeMilliseconds: definition.loopGuardMilliseconds)
        }
    }

    /// Goes on as another one decides, with what this one knows and still needs.
    mutating func change(
        to next: Admission,
        from previous: SessionDefinition,
        to definition: SessionDefinition
    ) {
        let old = self
        self = next
        // Copies that are let in use nothing up.
        if dropsOwnCopies { own = old.own }
        if limiter != nil && definition.limits == previous.limits && old.limiter != nil {
            limiter = old.limiter
        }
        if loopGuard != nil && old.loopGuard != nil
            && definition.loopGuardMilliseconds == previous.loopGuardMilliseconds
        {
            loopGuard = old.loopGuard
        }
    }

    /// The host's interfaces have other addresses, or the operator lets others be used.
    mutating func setHost(_ host: HostInterfaces, of session: RelaySession) {
        filter = DatagramFilter(session, host)
    }

    /// Judges the first `count` datagrams; the time is monotonic nanoseconds, and needed only when
    /// `needsTime`.
    ///
    /// What depends on a datagram's origin alone is found once for a run of one origin.
    mutating func judge(_ batch: borrowing ReceiveBatch, _ count: Int, at now: Int64) -> Verdicts {
        var verdicts = Verdicts()
        var (ofDestination, ofSource): (DropReason?, DropReason?) = (nil, nil)
        for index in 0..<count {
            let datagram = batch.datagram(index)
            if index == 0 || !datagram.hasOrigin(of: batch.datagram(index - 1)) {
                ofDestination = filter.dropReason(ofDestination: datagram)
                ofSource = dropReason(ofSource: datagram)
            }
            var reason = ofDestination
            if reason == nil && dropsOwnCopies && takeCopy(datagram, batch.payload(index), now) {
                reason = .own
            }
            if let reason = reason ?? ofSource {
                verdicts.reasons[index] = reason
            } else {
                verdicts.accepted |= 1 &<< UInt64(index)
            }
        }
        if (loopGuard != nil || isLimited) && verdicts.accepted != 0 {
            judgeForwarding(batch, &verdicts, at: now)
        }
        verdicts.tally = ReceiveTally(batch, count, verdicts.reasons, accepted: verdicts.accepted)
        return verdicts
    }

    /// Whether `judge` looks at the time.
    var needsTime: Bool { dropsOwnCopies || relaySources != nil }

    private mutating func takeCopy(
        _ datagram: ReceivedDatagram,
        _ payload: Span<UInt8>,
        _ now: Int64
    ) -> Bool {
        guard datagram.sourcePort == localPort, let destination = datagram.destination else {
            return false
        }
        return own.takeCopy(payload, to: destination, at: now)
    }

    private func dropReason(ofSource datagram: ReceivedDatagram) -> DropReason? {
        if let reason = filter.dropReason(ofSource: datagram) { return reason }
        // What a target of this daemon sent must not circle.
        return relaySources?.contains(datagram) == true ? .loop : nil
    }

    /// What came through the filter must still not come back, nor exceed the limits.
    private mutating func judgeForwarding(
        _ batch: borrowing ReceiveBatch,
        _ verdicts: inout Verdicts,
        at now: Int64
    ) {
        var digests = InlineArray<64, UInt64>(repeating: 0)
        loopGuard?.prepare(batch, verdicts.accepted, &digests)
        var rest = verdicts.accepted
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let datagram = batch.datagram(index)
            guard let reason = dropReason(ofForwarding: datagram, digests[index], now) else {
                continue
            }
            verdicts.reasons[index] = reason
            verdicts.accepted &= ~(1 &<< UInt64(index))
        }
    }

    @inline(__always)
    private mutating func dropReason(
        ofForwarding datagram: ReceivedDatagram,
        _ digest: UInt64,
        _ now: Int64
    ) -> DropReason? {
        let sighting = loopGuard?.sight(digest, datagram, refusesRepeats, at: now)
        if let sighting, sighting.isReturning { return .loop }
        if isLimited && limiter?.take(bytes: datagram.length, at: now) == false { return .rate }
        // Only what is relayed can come back.
        if let sighting { loopGuard?.remember(sighting) }
        return nil
    }
}

extension SessionDefinition {
    fileprivate var dropsOwnCopies: Bool {
        (kind == .multicastPeer || role == .peer) && !receiveOwn || reply?.to == .destination
    }

    fileprivate var preservesSources: Bool {
        forward.contains { target in
            guard case .endpoint(let endpoint) = target.destination else { return false }
            return endpoint.sourceMode == .preserve
        }
    }
}
