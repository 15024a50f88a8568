import Glibc
import RelayModel

extension ActiveSession {
    /// Receives what is there, up to a number of batches; what remains is reported by the next wait.
    /// How many datagrams came.
    @discardableResult
    func receive(
        _ batch: inout ReceiveBatch,
        batches: Int,
        spare: inout ReceiveBatch,
        replies: inout SendBatch
    ) -> Int {
        var total = 0
        for _ in 0..<batches {
            let limit = batchLimit
            let count = receive(into: &batch)
            if count < 0 { return total }
            if count == 0 { continue }
            if let feeders = admission.listener?.feeders, !feeders.isEmpty {
                process(batch, 0..<count, after: feeders, &spare, replies: &replies)
            } else {
                process(batch, 0..<count, replies: &replies)
            }
            total += count
            if count < limit { return total }
            batchLimit = nextBatchLimit(batch.length(0))
        }
        return total
    }

    /// Says of what came to groups and broadcast addresses which address of this host it came to:
    /// the one that the session's interface is named by; and where there is none, one of the arrival
    /// interface that faces the sender.
    private func noteLocalAddresses(_ batch: inout ReceiveBatch, _ count: Int) {
        let named = session.path.source
        if named == nil && session.definition.family == .ipv4 {
            return correctLocalAddresses(&batch, count)
        }
        guard named != nil || session.definition.family == .ipv6 && session.definition.joins else {
            return
        }
        var last: (source: IPAddress, address: IPAddress?)?
        for index in 0..<count {
            let datagram = batch.datagram(index)
            if datagram.isUnicast || datagram.destinationClass == nil { continue }
            let source = datagram.sourceAddress
            if last?.source != source {
                let facing = { self.host.address(of: datagram.interfaceIndex, facing: source) }
                last = (source, named ?? facing())
            }
            if let address = last?.address { batch.setLocalAddress(index, address) }
        }
    }

    /// Of IPv4 the kernel says the address that its route to the sender leaves by (ip(7),
    /// ipi_spec_dst). That is right unless the route is by another interface than the datagram came in by.
    private func correctLocalAddresses(_ batch: inout ReceiveBatch, _ count: Int) {
        var index = 0
        while index < count {
            let run = index..<batch.endOfRun(from: index, in: 0..<count)
            index = run.upperBound
            let datagram = batch.datagram(run.lowerBound)
            guard !datagram.isUnicast, let address = datagram.localAddress else { continue }
            let link = datagram.interfaceIndex
            if latestLocal == (link, address.low) { continue }
            let owners = host.owners(of: address)
            if owners.contains(link) {
                latestLocal = (link, address.low)
            } else if !owners.isEmpty,
                let facing = host.address(of: link, facing: datagram.sourceAddress)
            {
                for index in run { batch.setLocalAddress(index, facing) }
            }
        }
    }

    /// How many datagrams came; 0 when the network reported something instead, negative when there
    /// is nothing.
    private func receive(into batch: inout ReceiveBatch) -> Int {
        let count = session.socket.receive(into: &batch, limit: batchLimit)
        if count > 0 { noteLocalAddresses(&batch, count) }
        if count >= 0 || count == -Int(EAGAIN) { return count }
        collectReports(pending: Int32(-count))
        return 0
    }

    /// For datagrams of this length: whole messages, where a target merges them.
    private func nextBatchLimit(_ length: Int) -> Int {
        let merges = targets.contains { target in
            target.chaos == nil && target.forwarding.map { length <= $0.segmentMax } ?? false
        }
        return merges ? ReceiveBatch.limitOfWholeMessages(length: length) : ReceiveBatch.capacity
    }

    private func process(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        replies: inout SendBatch
    ) {
        if range.isEmpty { return }
        let now = HostNetwork.now()
        let monotonicNow = admission.needsTime ? HostNetwork.monotonicNanoseconds() : 0
        copies.beginBatch()
        let verdicts = admission.judge(batch, range, at: monotonicNow)
        activity.counters.countReceived(verdicts.tally, at: now)
        activity.counters.countCircling(UInt64(verdicts.circling))
        let first = remember(batch, range, verdicts.reasons, now)
        if !targets.isEmpty && verdicts.accepted != 0 {
            forward(batch, verdicts.accepted, at: monotonicNow)
        }
        if replier != nil { reply(to: batch, range, verdicts.reasons, first, &replies) }
    }

    /// Processes a batch together with what those have to read that relay to where this session
    /// listens, in the order of arrival, so that no copy is taken for new when another relay was
    /// faster.
    private func process(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        after feeders: [CopyListener],
        _ spare: inout ReceiveBatch,
        replies: inout SendBatch
    ) {
        var rest = range
        for feeder in feeders {
            guard let other = feeder.session, let last = batch.arrivalTime(range.upperBound - 1),
                other.session.socket.nextArrival?.isBefore(last) == true
            else { continue }
            var others = 0..<max(other.receive(into: &spare), 0)
            while !rest.isEmpty && !others.isEmpty {
                let theirs = spare.arrivals(of: others, before: batch.arrivalTime(rest.lowerBound))
                other.process(spare, theirs, replies: &replies)
                others = theirs.upperBound..<others.upperBound
                if others.isEmpty { break }
                let own = batch.arrivals(of: rest, before: spare.arrivalTime(others.lowerBound))
                // Of two at once, its own goes first.
                let next = own.isEmpty ? rest.prefix(1) : own
                process(batch, next, replies: &replies)
                rest = next.upperBound..<rest.upperBound
            }
            other.process(spare, others, replies: &replies)
        }
        process(batch, rest, replies: &replies)
    }

    private func remember(
        _ batch: borrowing ReceiveBatch,
        _ range: Range<Int>,
        _ verdicts: InlineArray<64, DropReason?>,
        _ now: Timestamp
    ) -> UInt64 {
        let port = session.socket.localEndpoint.port
        return activity.recentPackets.record(.received) { ring, sources in
            sources.note(batch, range, at: now)
            ring.append(batch, range, verdicts, localPort: port, at: now)
        }
    }
}
