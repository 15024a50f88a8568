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
    /// What was found of the latest origin: mostly the next batch has the same.
    private var latest: KnownOrigin?
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
    private var limiter: Box<TrafficLimiter>?
    /// Those of the batch judged last that are accepted, and answers of this daemon, as bits.
    private(set) var answers: UInt64 = 0

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
        listener = copies.listener(for: session, replacing: old)
        if forwards { limiter = definition.limits.map { Box(TrafficLimiter($0, at: now)) } }
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
        latest = nil
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
        var index = range.lowerBound
        while index < range.upperBound {
            let run = index..<batch.endOfRun(from: index, in: range)
            judge(run, of: batch, &verdicts, at: now)
            index = run.upperBound
        }
        if (listener != nil || limiter != nil) && verdicts.accepted != 0 {
            judgeForwarding(batch, &verdicts, at: now)
        }
        verdicts.tally = ReceiveTally(batch, range, verdicts.reasons, accepted: verdicts.accepted)
        return verdicts
    }

    /// Judges datagrams of one origin, without what concerns only those that are forwarded.
    private mutating func judge(
        _ run: Range<Int>,
        of batch: borrowing ReceiveBatch,
        _ verdicts: inout Verdicts,
        at now: Int64
    ) {
        let origin = known(batch.datagram(run.lowerBound))
        let mask = UInt64(bits: run)
        if let reason = origin.ofDestination { return verdicts.drop(mask, reason) }
        let copies = dropsOwnCopies ? takeCopies(batch, run, at: now) : 0
        if copies != 0 { verdicts.drop(copies, .own) }
        if let reason = origin.ofSource {
            verdicts.drop(mask & ~copies, reason)
        } else {
            verdicts.accepted |= mask & ~copies
        }
    }

    /// What follows from the origin of a datagram.
    @inline(__always)
    private mutating func known(_ datagram: ReceivedDatagram) -> KnownOrigin {
        if let latest, latest.generation == copies.ownSockets.generation,
            latest.datagram.hasOrigin(of: datagram)
        {
            return latest
        }
        return judge(datagram)
    }

    @inline(never)
    private mutating func judge(_ datagram: ReceivedDatagram) -> KnownOrigin {
        let origin = KnownOrigin(
            datagram: datagram,
            generation: copies.ownSockets.generation,
            ofDestination: filter.dropReason(ofDestination: datagram),
            ofSource: dropReason(ofSource: datagram)
        )
        latest = origin
        return origin
    }

    /// Whether `judge` looks at the time.
    var needsTime: Bool { dropsOwnCopies || forwards }

    /// Those of a run that are copies of what the session itself has sent.
    private mutating func takeCopies(
        _ batch: borrowing ReceiveBatch,
        _ run: Range<Int>,
        at now: Int64
    ) -> UInt64 {
        var copies: UInt64 = 0
        if batch.datagram(run.lowerBound).sourcePort != localPort { return copies }
        for index in run {
            if let destination = batch.datagram(index).destination,
                own.takeCopy(batch.payload(index), to: destination, at: now)
            {
                copies |= 1 &<< UInt64(index)
            }
        }
        return copies
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
        if let limiter {
            verdicts.drop(excess(batch, verdicts.accepted, over: limiter, at: now), .rate)
        }
    }

    /// Those of a mask that exceed the limits.
    private func excess(
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        over limiter: Box<TrafficLimiter>,
        at now: Int64
    ) -> UInt64 {
        var excess: UInt64 = 0
        var rest = mask
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if !limiter.value.take(bytes: batch.length(index), at: now) {
                excess |= 1 &<< UInt64(index)
            }
        }
        return excess
    }
}

/// Why what has the origin of a datagram is dropped; nil = it goes on.
private struct KnownOrigin {
    let datagram: ReceivedDatagram
    /// Of the sockets of this daemon when it was found.
    let generation: Int
    let ofDestination: DropReason?
    let ofSource: DropReason?
}

extension SessionDefinition {
    fileprivate var dropsOwnCopies: Bool {
        // An answer to all goes on to the other sides, as one of a host does.
        (kind == .multicastPeer || role == .peer) && !receiveOwn
            || reply?.to == .destination && forward.isEmpty
    }
}
