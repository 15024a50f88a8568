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
        /// Those that came back from elsewhere, or seem to circle, dropped or not.
        var circling = 0

        /// Drops the datagrams of a mask.
        mutating func drop(_ mask: UInt64, _ reason: DropReason) {
            accepted &= ~mask
            var rest = mask
            while rest != 0 {
                reasons[rest.trailingZeroBitCount] = reason
                rest &= rest &- 1
            }
        }
    }

    private var filter: DatagramFilter
    /// Whether the session receives copies of what it sends, and drops them. A copy comes back by
    /// the loopback interface and as a broadcast even where IP_MULTICAST_LOOP is 0.
    let dropsOwnCopies: Bool
    /// The session's own port, which its copies come from.
    private let localPort: UInt16
    var own = OwnDatagrams()

    private let copies: SentCopies
    private let forwards: Bool
    /// nil for a session that forwards nothing, or does not guard against circles.
    private(set) var listener: CopyListener?
    private var limiter: TrafficLimiter?
    /// Those of the batch judged last that are accepted, and answers of this daemon, as bits.
    private(set) var answers: UInt64 = 0
    /// Whether there is a limiter, which is then not copied to look.
    private let isLimited: Bool

    /// - Parameter old: the listener that the session had.
    init(
        _ session: RelaySession,
        copies: SentCopies,
        host: HostInterfaces,
        replacing old: CopyListener? = nil,
        at now: Int64
    ) {
        let definition = session.definition
        filter = DatagramFilter(session, host)
        dropsOwnCopies = definition.dropsOwnCopies
        localPort = session.socket.localEndpoint.port
        self.copies = copies
        forwards = !definition.forward.isEmpty
        isLimited = definition.limits != nil && forwards
        listener = copies.listener(for: session, replacing: old, at: now)
        if isLimited { limiter = definition.limits.map { TrafficLimiter($0, at: now) } }
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
    }

    /// The host's interfaces have other addresses, or the operator lets others be used.
    mutating func setHost(_ host: HostInterfaces, of session: RelaySession) {
        filter = DatagramFilter(session, host)
    }

    /// Judges the datagrams of a range; the time is monotonic nanoseconds, and needed only when
    /// `needsTime`.
    ///
    /// What depends on a datagram's origin alone is found once for a run of one origin.
    mutating func judge(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        at now: Int64
    ) -> Verdicts {
        var verdicts = Verdicts()
        var (ofDestination, ofSource): (DropReason?, DropReason?) = (nil, nil)
        for index in range {
            let datagram = batch.datagram(index)
            if index == range.lowerBound || !datagram.hasOrigin(of: batch.datagram(index - 1)) {
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
        if (listener != nil || isLimited) && verdicts.accepted != 0 {
            judgeForwarding(batch, &verdicts, at: now)
        }
        verdicts.tally = ReceiveTally(batch, range, verdicts.reasons, accepted: verdicts.accepted)
        return verdicts
    }

    /// Whether `judge` looks at the time.
    var needsTime: Bool { dropsOwnCopies || forwards }

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
        // What has been relayed must not circle.
        return forwards && copies.ownSockets.hasRelayed(datagram) ? .loop : nil
    }

    /// What came through the filter must still not come back, nor exceed the limits.
    private mutating func judgeForwarding(
        _ batch: borrowing ReceiveBatch,
        _ verdicts: inout Verdicts,
        at now: Int64
    ) {
        if let listener {
            copies.prepare(batch, verdicts.accepted, at: now)
            let arrivals = copies.arrivals(of: verdicts.accepted, in: batch, for: listener, at: now)
            verdicts.circling = arrivals.circling
            verdicts.drop(arrivals.dropped, .loop)
            answers = arrivals.answers
        }
        if isLimited { verdicts.drop(excess(batch, verdicts.accepted, at: now), .rate) }
    }

    /// Those of a mask that exceed the limits.
    private mutating func excess(
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        at now: Int64
    ) -> UInt64 {
        var excess: UInt64 = 0
        var rest = mask
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if limiter?.take(bytes: batch.length(index), at: now) == false {
                excess |= 1 &<< UInt64(index)
            }
        }
        return excess
    }
}

extension SessionDefinition {
    fileprivate var dropsOwnCopies: Bool {
        // An answer to all goes on to the other sides, as one of a host does.
        (kind == .multicastPeer || role == .peer) && !receiveOwn
            || reply?.to == .destination && forward.isEmpty
    }
}
