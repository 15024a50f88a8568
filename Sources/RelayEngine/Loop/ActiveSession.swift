import Glibc
import RelayModel

/// A session as the relay thread runs it: everything that only this thread touches.
final class ActiveSession {
    private(set) var session: RelaySession
    var pendingSends: [PendingSend] = []
    /// Whether the poller also watches for writability.
    var isWatchingWritable = false

    private(set) var filter: DatagramFilter
    /// Whether it receives copies of what it sends, and drops them. A copy comes back by the
    /// loopback interface and as a broadcast even where IP_MULTICAST_LOOP is 0.
    private(set) var dropsOwnCopies: Bool
    var own = OwnDatagrams()
    var replier: Replier?

    /// Receives in a row before the other sessions get their turn.
    private static let batchesPerTurn = 4

    init(_ session: RelaySession, hostname: String) {
        self.session = session
        filter = DatagramFilter(session)
        dropsOwnCopies = session.definition.dropsOwnCopies
        replier = session.definition.reply.map { Replier($0, hostname: hostname) }
    }

    /// Goes on with another definition for the same socket. An equal reply keeps its token bucket.
    func change(to next: RelaySession, hostname: String) {
        if next.definition.reply != session.definition.reply {
            replier = next.definition.reply.map { Replier($0, hostname: hostname) }
        }
        session = next
        filter = DatagramFilter(next)
        dropsOwnCopies = next.definition.dropsOwnCopies
        // Copies that are let in use nothing up.
        if !dropsOwnCopies { own = OwnDatagrams() }
    }

    var activity: SessionActivity { session.activity }

    /// Receives what is there, up to a turn's worth; what remains is reported by the next wait.
    func receive(_ batch: inout ReceiveBatch, replies: inout SendBatch) {
        for _ in 0..<Self.batchesPerTurn {
            let count = session.socket.receive(into: &batch)
            if count < 0 {
                if count == -Int(EAGAIN) { return }
                collectErrors(pending: Int32(-count))
                continue
            }
            process(batch, count, replies: &replies)
            if count < ReceiveBatch.capacity { return }
        }
    }

    private func process(
        _ batch: borrowing ReceiveBatch,
        _ count: Int,
        replies: inout SendBatch
    ) {
        let now = HostNetwork.now()
        let monotonicNow = dropsOwnCopies ? HostNetwork.monotonicNanoseconds() : 0
        var tally = ReceiveTally()
        var verdicts = InlineArray<64, DropReason?>(repeating: nil)
        for index in 0..<count {
            let datagram = batch.datagram(index)
            let verdict = filter.dropReason(datagram) {
                isOwn(datagram, batch.payload(index), monotonicNow)
            }
            verdicts[index] = verdict
            tally.count(datagram.length, verdict)
            if datagram.isTruncated { tally.truncated += 1 }
        }
        activity.counters.countReceived(tally, at: now)
        let first = remember(batch, count, verdicts, now)
        if replier != nil { reply(to: batch, count, verdicts, first, &replies) }
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
        let errors = session.socket.takeErrors()
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
