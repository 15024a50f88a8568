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
        var (rest, sent) = (mask, UInt64(0))
        while rest != 0 {
            let first = batch.datagram(rest.trailingZeroBitCount)
            let own = batch.datagrams(of: rest, from: first.source)
            rest &= ~own
            let number = target.socketNumber(
                for: first.source,
                localAddress: first.localAddress,
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
            mappings.countReplies(returnAnswers(batch, count, to: asker, &answers), to: place)
        }
    }

    /// What was sent of a batch of answers to one asker, by the address that it had asked.
    private func returnAnswers(
        _ batch: borrowing ReceiveBatch,
        _ count: Int,
        to asker: AskerTable.Asker,
        _ answers: inout SendBatch
    ) -> Traffic {
        let now = sendLimiter == nil ? 0 : HostNetwork.monotonicNanoseconds()
        var rateLimited: UInt64 = 0
        var total = Traffic()
        answers.removeAll()
        for index in 0..<count {
            guard takeSendTokens(bytes: batch.length(index), at: now) else {
                rateLimited += 1
                continue
            }
            if !enqueue(batch, index, to: asker, &answers) {
                total = total + sendReplies(&answers)
                _ = enqueue(batch, index, to: asker, &answers)
            }
        }
        activity.counters.countRateLimitedReplies(rateLimited)
        return total + sendReplies(&answers)
    }

    private func enqueue(
        _ batch: borrowing ReceiveBatch,
        _ index: Int,
        to asker: AskerTable.Asker,
        _ answers: inout SendBatch
    ) -> Bool {
        answers.append(
            batch.payload(index),
            to: asker.endpoint,
            interfaceIndex: 0,
            localAddress: asker.localAddress
        )
    }
}

extension ReceiveBatch {
    /// Those of the datagrams of the mask that this source sent.
    fileprivate func datagrams(of mask: UInt64, from source: Endpoint) -> UInt64 {
        var (rest, found) = (mask, UInt64(0))
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if datagram(index).source == source { found |= 1 &<< UInt64(index) }
        }
        return found
    }
}
