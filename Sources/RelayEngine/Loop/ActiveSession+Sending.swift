import Glibc
import RelayModel

/// A send request on its way: how far it has come, and until when it may wait for buffer space.
struct PendingSend {
    let request: SendRequest
    let done: @Sendable (SendOutcome) -> Void
    var next = 0
    /// The datagrams that the session's limits have let pass, sent or not.
    var admitted = 0
    var outcome = SendOutcome()
    /// Monotonic nanoseconds.
    let deadline: Int64
}

/// What one turn of sending came to.
enum SendTurn {
    /// Nothing is left to send.
    case idle
    /// More is left; other work may go first.
    case more
    /// The socket has no buffer space (EAGAIN); it reports when there is some.
    case blocked
}

extension ActiveSession {
    /// Requests of one session that may wait to be sent; each holds up to a body's bytes.
    static let pendingSendsMax = 1024
    /// A request waits this long for buffer space.
    static let sendWaitNanosecondsMax: Int64 = 5_000_000_000

    /// Sends a batch of the first pending request.
    func sendTurn(_ batch: inout SendBatch) -> SendTurn {
        guard let pending = pendingSends.first else { return .idle }
        guard session.path.destination != nil else { return failWithoutDestination() }
        fill(&batch)
        if batch.count == 0 {
            failRateLimited()
            return pendingSends.isEmpty ? .idle : .more
        }
        let result = transmit(&batch, from: 0)
        if -result == Int(EAGAIN) && HostNetwork.monotonicNanoseconds() < pending.deadline {
            return .blocked
        }
        if result < 0 {
            fail(Int32(-result))
        } else {
            noteSent(batch, result)
            if pendingSends[0].next == pending.request.count { finish() }
        }
        return pendingSends.isEmpty ? .idle : .more
    }

    private func fill(_ batch: inout SendBatch) {
        batch.removeAll()
        guard let destination = session.path.destination else { return }
        let pending = pendingSends[0]
        let interfaceIndex = namedInterfaceIndex
        let bytes = pending.request.bytes.span
        let now = sendLimiter == nil ? 0 : HostNetwork.monotonicNanoseconds()
        for index in pending.next..<pending.request.count {
            let range = pending.request.range(index)
            if index >= pendingSends[0].admitted {
                guard takeSendTokens(bytes: range.count, at: now) else { return }
                pendingSends[0].admitted = index + 1
            }
            let isAdded = batch.append(
                bytes.extracting(range),
                to: destination,
                interfaceIndex: interfaceIndex,
                localAddress: session.path.source
            )
            if !isAdded { return }
        }
    }

    /// Ends the first request: the interface has no broadcast address any longer.
    private func failWithoutDestination() -> SendTurn {
        let name = session.path.interface?.name ?? ""
        pendingSends[0].outcome.failure = LinkUse.hasNoBroadcast(name)
        finish()
        return pendingSends.isEmpty ? .idle : .more
    }

    /// Ends the first request: `limits` lets no more pass for now.
    private func failRateLimited() {
        let index = pendingSends[0].next
        let bytes = pendingSends[0].request.range(index).count
        let now = HostNetwork.monotonicNanoseconds()
        let wait = sendLimiter?.value.nanosecondsUntil(bytes: bytes, at: now) ?? 0
        pendingSends[0].outcome.failure = SessionError(
            .rateLimited,
            "datagram \(index): the session's limits let no more pass for now",
            retryAfterSeconds: Int(clamping: max(wait - 1, 0) / 1_000_000_000 + 1)
        )
        finish()
    }

    private func noteSent(_ batch: borrowing SendBatch, _ count: Int) {
        let now = HostNetwork.now()
        noteCopies(batch, count, at: HostNetwork.monotonicNanoseconds())
        let (first, traffic) = rememberSent(batch, 0..<count)
        activity.counters.countSent(traffic, at: now)
        for index in 0..<count {
            pendingSends[0].outcome.sent.append(
                SendOutcome.Sent(
                    sequence: first + UInt64(index),
                    length: batch.payload(index).count
                )
            )
        }
        pendingSends[0].next += count
    }

    /// Posted datagrams that left are known when they come back.
    private func noteCopies(_ batch: borrowing SendBatch, _ count: Int, at now: Int64) {
        for index in 0..<count {
            hearers.note(batch.payload(index), in: copies, at: now)
            if !admission.dropsOwnCopies { continue }
            admission.own.noteSent(
                batch.payload(index),
                to: batch.destination(index).address,
                at: now
            )
        }
    }

    private func fail(_ number: Int32) {
        countFailure(number)
        let index = pendingSends[0].next
        let error = SessionError(SystemCallError("sendmsg", number))
        pendingSends[0].outcome.failure = SessionError(
            error.code,
            "datagram \(index): \(error.detail)",
            errno: error.errno
        )
        finish()
    }

    private func finish() {
        let pending = pendingSends.removeFirst()
        pending.done(pending.outcome)
    }

    /// Ends every request that has not been sent wholly.
    func failPendingSends(_ error: SessionError) {
        for var pending in pendingSends {
            pending.outcome.failure = error
            pending.done(pending.outcome)
        }
        pendingSends = []
    }

    // MARK: - Shared with replies

    /// Sends the datagrams from an index on: how many left, or a negative errno, which is never of
    /// an earlier send.
    ///
    /// An address that this host has no longer is left to the kernel: the interface has others.
    func transmit(_ batch: inout SendBatch, from first: Int) -> Int {
        var stale = StaleErrors()
        while true {
            let result = session.socket.send(batch, from: first)
            if result >= 0 { return result }
            if isStale(Int32(-result), &stale) { continue }
            guard SystemCallError.isOfSource(Int32(-result)),
                batch.forgetLocalAddresses(from: first)
            else { return result }
        }
    }

    func countFailure(_ number: Int32) {
        if number == ENOBUFS || number == EAGAIN {
            activity.counters.countSendBufferFull(1)
        } else {
            activity.counters.countSendFailed(1)
        }
        note("sendmsg", number)
    }

    /// Remembers datagrams that left, and adds them up; also the sequence number of the first.
    func rememberSent(
        _ batch: borrowing SendBatch,
        _ range: Range<Int>
    ) -> (first: UInt64, traffic: Traffic) {
        let now = HostNetwork.now()
        var traffic = Traffic()
        let first = activity.recentPackets.record(.sent) { ring, _ in
            for index in range {
                let payload = batch.payload(index)
                traffic.datagrams += 1
                traffic.bytes += UInt64(payload.count)
                ring.append(sentHeader(batch, index, at: now), payload: payload)
            }
        }
        return (first, traffic)
    }

    /// What is known of a datagram that left: only what the kernel was told, not what it chose.
    private func sentHeader(
        _ batch: borrowing SendBatch,
        _ index: Int,
        at now: Timestamp
    ) -> PacketRing.Header {
        sentHeader(
            to: batch.destination(index),
            isToAll: batch.isToAll(index),
            source: batch.localAddress(index).map { address in
                Endpoint(address, port: session.socket.localEndpoint.port)
            },
            length: batch.payload(index).count,
            ttl: batch.ttl(index),
            interfaceIndex: batch.interfaceIndex(index),
            at: now
        )
    }

    /// The header of a datagram that left; the source is nil where the kernel chose it, and the
    /// TTL where it is the socket's; the interface is 0 where it is the socket's or the route's.
    func sentHeader(
        to destination: Endpoint,
        isToAll: Bool = false,
        source: Endpoint?,
        length: Int,
        ttl: UInt8?,
        interfaceIndex: Int32 = 0,
        at now: Timestamp
    ) -> PacketRing.Header {
        let isReply = destination != session.path.destination
        return PacketRing.Header(
            sentTo: destination,
            destinationClass(of: destination.address, isToAll: isToAll),
            from: source,
            interfaceIndex: isReply || interfaceIndex != 0 ? interfaceIndex : forcedInterfaceIndex,
            ttl: ttl ?? (isReply ? nil : session.definition.ttl),
            length: length,
            at: now
        )
    }

    /// The interface to name for each datagram; 0 = none. Groups leave by IP_MULTICAST_IF; a broadcast
    /// without a route needs its interface named, and so does a link-local source (ipv6(7)).
    var namedInterfaceIndex: Int32 {
        let isNeeded =
            session.definition.kind == .broadcast || session.path.source?.needsInterface == true
        return isNeeded ? forcedInterfaceIndex : 0
    }

    /// The interface that posted datagrams leave by, whatever the routes say; 0 = by route.
    private var forcedInterfaceIndex: Int32 {
        let definition = session.definition
        let isForced = definition.kind.isMulticast || definition.interface != nil
        return isForced ? session.path.interface?.index ?? 0 : 0
    }

    private func destinationClass(of address: IPAddress, isToAll: Bool) -> DestinationClass {
        if address.isMulticast { return .multicast }
        let isBroadcast =
            isToAll || address == session.path.destination?.address
            || links.networks.isBroadcast(address)
        return isBroadcast ? .broadcast : .unicast
    }
}
