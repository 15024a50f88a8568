import Glibc
import RelayModel

extension ActiveSession {
    /// Sends the datagrams of the mask to every target, each in order.
    ///
    /// A target that fails counts its failures, and the others are sent to all the same.
    func forward(_ batch: borrowing ReceiveBatch, _ accepted: UInt64, at now: Int64) {
        var total = Traffic()
        for target in targets {
            let mask = target.select(batch, accepted, at: now)
            if mask == 0 { continue }
            if target.chaos != nil {
                target.admit(batch, mask, answers: admission.answers, at: now)
                continue
            }
            let sent =
                if target.mappings != nil {
                    sendForAskers(batch, mask, to: target, at: now)
                } else if let sourcePorts = target.sourcePorts {
                    sendFromSourcePorts(sourcePorts, batch, mask, to: target, at: now)
                } else {
                    send(batch, mask, to: target, on: target.socketNumber)
                }
            if sent == 0 { continue }
            let traffic = Traffic(
                datagrams: UInt64(sent.nonzeroBitCount),
                bytes: batch.bytes(of: sent)
            )
            target.activity.countForwarded(traffic)
            target.noteSent(batch, sent, at: now)
            total = total + traffic
            target.relay?.noteRelayed(
                batch,
                sent,
                traffic,
                keepsTTL: target.target.definition.ttlMode == .decrement,
                at: now
            )
        }
        activity.counters.countForwarded(total)
    }

    /// Sends to one target by this socket; the datagrams that left.
    func send(
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        to target: ActiveTarget,
        on number: Int32?
    ) -> UInt64 {
        guard let number, var forwarding = target.forwarding else {
            target.activity.countFailed(UInt64(mask.nonzeroBitCount))
            return 0
        }
        var (rest, sent) = (mask, UInt64(0))
        // What was refused as one message, and is now sent one by one.
        var unmerged: UInt64 = 0
        var stale = StaleErrors()
        while rest != 0 {
            let result = batch.forward(rest, on: number, forwarding)
            sent |= result.sent
            rest &= ~result.sent
            // The device or the path does not segment; it will not learn to.
            if unmerged & result.sent != 0 { target.forwarding?.stopMerging() }
            if result.sent != 0 { stale = StaleErrors() }
            if result.refused == 0 { continue }
            // Before it is taken for an answer to UDP_SEGMENT: ICMP reports such errors too.
            if target.isStale(result.errno, on: number, &stale) { continue }
            stale = StaleErrors()
            // Only for this batch: whether the address has gone is found out elsewhere. EINVAL can be
            // about merging as well.
            if SystemCallError.isOfSource(result.errno),
                result.errno != EINVAL || result.refused.nonzeroBitCount == 1,
                forwarding.forgetSource()
            {
                unmerged = 0
                continue
            }
            if result.refused.nonzeroBitCount > 1, Self.refusesMerging(result.errno) {
                unmerged = result.refused
                forwarding.stopMerging()
                continue
            }
            rest &= ~result.refused
            target.countRefused(result.refused.nonzeroBitCount, result.errno)
        }
        return sent
    }

    /// What the kernel answers to UDP_SEGMENT where it cannot be used (udp(7)). EINVAL and EMSGSIZE
    /// can be about the datagrams themselves; then they are refused one by one, too.
    private static func refusesMerging(_ number: Int32) -> Bool {
        number == EIO || number == EINVAL || number == EMSGSIZE || number == EOPNOTSUPP
    }
}

extension ActiveTarget {
    /// The socket that sends for it; nil when there is none.
    var socketNumber: Int32? {
        if let relay { return relay.session.socket.number }
        return target.egress?.socket.number
    }

    /// Whether an error of the socket that sends for it was of an earlier datagram, so that the send
    /// is to be tried again.
    func isStale(_ error: Int32, on number: Int32, _ stale: inout StaleErrors) -> Bool {
        if let relay { return relay.isStale(error, &stale) }
        return stale.include(error, on: number, about: reportedDestinations, count)
    }

    /// Counts what the network reported of what the target was sent.
    func collectReports() {
        guard let number = target.egress?.socket.number else { return }
        let reports = ErrorQueue.take(from: number, about: reportedDestinations)
        if reports.count > 0 { count(reports) }
    }

    private func count(_ reports: NetworkReports) {
        activity.countUnreachable(reports.count)
        note("icmp", reports.last)
    }

    func countRefused(_ count: Int, _ error: Int32) {
        if error == EAGAIN || error == ENOBUFS {
            activity.countSendBufferFull(UInt64(count))
        } else {
            activity.countFailed(UInt64(count))
        }
        note("sendmsg", error)
    }

    func note(_ operation: String, _ number: Int32) {
        activity.note(
            TransferError(
                at: HostNetwork.now(),
                operation: operation,
                errno: SystemCallError.name(of: number)
            )
        )
    }
}

// MARK: - Sending for the targets of other sessions

extension ActiveSession {
    /// What this session sent for another one: counted, remembered, and known as its own.
    ///
    /// - Parameter keepsTTL: whether it left with the TTL that it came with, less 1.
    func noteRelayed(
        _ batch: borrowing ReceiveBatch,
        _ sent: UInt64,
        _ traffic: Traffic,
        keepsTTL: Bool,
        at monotonicNow: Int64
    ) {
        let now = HostNetwork.now()
        activity.counters.countSent(traffic, at: now)
        guard let destination = session.path.destination else { return }
        if admission.dropsOwnCopies {
            var rest = sent
            while rest != 0 {
                let index = rest.trailingZeroBitCount
                rest &= rest &- 1
                admission.own.noteSent(
                    batch.payload(index),
                    to: destination.address,
                    at: monotonicNow
                )
            }
        }
        _ = activity.recentPackets.record(.sent) { ring, _ in
            var rest = sent
            while rest != 0 {
                let index = rest.trailingZeroBitCount
                rest &= rest &- 1
                ring.append(
                    sentHeader(
                        to: destination,
                        source: session.path.source.map { address in
                            Endpoint(address, port: session.localEndpoint.port)
                        },
                        length: batch.length(index),
                        ttl: keepsTTL ? batch.datagram(index).ttl.map { $0 - 1 } : nil,
                        at: now
                    ),
                    payload: batch.payload(index)
                )
            }
        }
    }

    /// The same for datagrams that chaos had held back.
    func noteRelayed(_ batch: borrowing SendBatch, _ range: Range<Int>, at monotonicNow: Int64) {
        if admission.dropsOwnCopies {
            for index in range {
                admission.own.noteSent(
                    batch.payload(index),
                    to: batch.destination(index).address,
                    at: monotonicNow
                )
            }
        }
        let (_, traffic) = rememberSent(batch, range)
        activity.counters.countSent(traffic, at: HostNetwork.now())
    }

    /// Takes what `limits` allows to be sent; false when there is nothing left for now.
    func takeSendTokens(bytes: Int, at now: Int64) -> Bool {
        sendLimiter?.value.take(bytes: bytes, at: now) ?? true
    }
}
