import RelayModel

/// Queries that leave by ports of their own, and answers that go back.
extension ActiveSession {
    /// Sends the datagrams of the mask, those of each asker by its port; the datagrams that left.
    func sendForAskers(
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        to target: ActiveTarget,
        at now: Int64
    ) -> UInt64 {
        // What answers an answer of this daemon has nowhere to go.
        let answers = mask & admission.answers
        var (rest, sent) = (mask & ~answers, UInt64(0))
        if answers != 0 { sent = send(batch, answers, to: target, on: target.socketNumber) }
        while rest != 0 {
            let first = batch.datagram(rest.trailingZeroBitCount)
            let own = batch.datagrams(of: rest, from: first)
            rest &= ~own
            let number = target.socketNumber(
                for: first.source,
                localAddress: first.askedAddress,
                interfaceIndex: first.interfaceIndex,
                count: own.nonzeroBitCount,
                at: now
            )
            sent |= send(batch, own, to: target, on: number)
        }
        return sent
    }

    /// Sends the answers that have come to a target's ports back to those who had asked.
    func returnAnswers(
        of target: ActiveTarget,
        _ batch: inout ReceiveBatch,
        _ answers: inout SendBatch
    ) {
        guard let mappings = target.mappings else { return }
        for index in 0..<mappings.beginReading() {
            let (place, count) = mappings.receive(index, into: &batch)
            guard let asker = mappings.asker(place), count > 0 else { continue }
            let traffic = returnAnswers(batch, count, to: asker, of: target, &answers)
            mappings.countReplies(traffic, to: place)
        }
    }

    /// What was sent of a batch of answers to one asker, by the address that it had asked, and by the
    /// interface, where it is a neighbour there.
    private func returnAnswers(
        _ batch: borrowing ReceiveBatch,
        _ count: Int,
        to asker: AskerTable.Asker,
        of target: ActiveTarget,
        _ answers: inout SendBatch
    ) -> Traffic {
        let route = AnswerRoute(
            to: asker.endpoint,
            from: asker.localAddress,
            askedBy: asker.interfaceIndex,
            in: links.networks,
            ttl: nil
        )
        let now = sendLimiter == nil ? 0 : HostNetwork.monotonicNanoseconds()
        var (rateLimited, expired, stray): (UInt64, UInt64, UInt64) = (0, 0, 0)
        var total = Traffic()
        answers.removeAll()
        for index in 0..<count {
            if target.answerFilter?.dropReason(ofDestination: batch.datagram(index)) != nil {
                stray += 1
                continue
            }
            let ttl = batch.datagram(index).ttl
            if target.ends(answerOf: ttl) {
                expired += 1
                continue
            }
            guard takeSendTokens(bytes: batch.length(index), at: now) else {
                rateLimited += 1
                continue
            }
            var route = route
            route.ttl = ttl.map { max($0, 2) - 1 }
            if target.target.definition.preservesDSCP { route.dscp = batch.datagram(index).dscp }
            if !answers.append(batch.payload(index), by: route) {
                total = total + sendReplies(&answers)
                _ = answers.append(batch.payload(index), by: route)
            }
        }
        activity.counters.countRateLimitedReplies(rateLimited)
        target.activity.countExpiredReplies(expired)
        target.activity.countStrayReplies(stray)
        return total + sendReplies(&answers)
    }
}

extension ActiveTarget {
    /// Whether an answer goes no further, as its TTL is used up. With `decrement` the relay is a
    /// router in both directions; else it is a proxy, and an answer is the last hop of a question
    /// that it asked itself, so nothing can circle.
    fileprivate func ends(answerOf ttl: UInt8?) -> Bool {
        let definition = target.definition
        guard definition.ttlMode == .decrement, let ttl else { return false }
        return ttl <= definition.ttlThreshold
    }
}

extension ReceiveBatch {
    /// Those of the datagrams of the mask that came from the source of one, by its interface.
    fileprivate func datagrams(of mask: UInt64, from first: ReceivedDatagram) -> UInt64 {
        let (source, interfaceIndex) = (first.source, first.interfaceIndex)
        var (rest, found) = (mask, UInt64(0))
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let datagram = datagram(index)
            if datagram.interfaceIndex == interfaceIndex && datagram.source == source {
                found |= 1 &<< UInt64(index)
            }
        }
        return found
    }
}
