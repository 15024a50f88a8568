import Glibc
import RelayModel

/// Targets with chaos: datagrams are copied, held, and sent one by one.
extension ActiveTarget {
    /// Batches sent in a row before the sockets get their turn.
    private static let batchesPerTurn = 4

    /// Decides the fate of the datagrams of the mask, and holds those that will be sent.
    ///
    /// - Parameter answers: those that are answers of this daemon, which get no answers.
    func admit(
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        answers: UInt64,
        at now: Int64
    ) {
        let keepsTTL = target.definition.ttlMode == .fixed
        let preservesDSCP = target.definition.preservesDSCP
        let keepsOrigin = preservesSource || mappings != nil || preservesDSCP
        var (rest, lost, overflow) = (mask, 0, 0)
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let datagram = batch.datagram(index)
            let isAnswer = mappings != nil && answers & 1 &<< UInt64(index) != 0
            let fate = chaos?.value.admit(
                batch.payload(index),
                ttl: keepsTTL ? nil : datagram.ttl.map { $0 - 1 },
                origin: keepsOrigin && !isAnswer
                    ? HeldDatagrams.Origin(
                        source: datagram.source,
                        localAddress: datagram.askedAddress,
                        interfaceIndex: datagram.interfaceIndex,
                        dscp: preservesDSCP ? datagram.dscp : nil
                    ) : nil,
                at: now
            )
            lost += fate?.lost ?? 0
            overflow += fate?.overflow ?? 0
        }
        activity.countDropped(UInt64(lost), .chaosLoss)
        activity.countDropped(UInt64(overflow), .chaosOverflow)
        activity.setHeld(chaos?.value.held ?? 0)
    }

    /// Sends what is due by now.
    func releaseHeld(at now: Int64, _ outgoing: inout SendBatch) {
        guard let due = chaos?.value.nextDue, due <= now else { return }
        for _ in 0..<Self.batchesPerTurn {
            let origin = fill(&outgoing, at: now)
            if outgoing.count == 0 { break }
            sendAll(&outgoing, of: origin, at: now)
        }
        activity.setHeld(chaos?.value.held ?? 0)
    }

    /// Sends all that is held, as the target is no longer served as it is.
    func releaseAllHeld(_ outgoing: inout SendBatch) {
        let now = HostNetwork.monotonicNanoseconds()
        while chaos?.value.held ?? 0 > 0 {
            let origin = fill(&outgoing, at: .max)
            if outgoing.count == 0 { break }
            sendAll(&outgoing, of: origin, at: now)
        }
        activity.setHeld(0)
    }

    /// With `mapReplies` a batch is of one asker, and with source ports of one of them; the origin
    /// of the first is returned.
    private func fill(_ outgoing: inout SendBatch, at now: Int64) -> HeldDatagrams.Origin? {
        outgoing.removeAll()
        var first: HeldDatagrams.Origin?
        let (hasMappings, hasSourcePorts) = (mappings != nil, sourcePorts != nil)
        let preservesSource = preservesSource
        let destination = forwarding?.destination ?? Endpoint(.unspecified(.ipv4), port: 0)
        let interfaceIndex = forwarding?.interfaceIndex ?? 0
        let source = forwarding?.source
        chaos?.value.takeDue(at: now) { payload, ttl, origin in
            if outgoing.count == 0 {
                first = origin
            } else if hasMappings && origin != first
                || hasSourcePorts && origin?.source.port != first?.source.port
            {
                return false
            }
            return outgoing.append(
                payload,
                to: destination,
                interfaceIndex: interfaceIndex,
                localAddress: preservesSource ? origin?.source.address : source,
                ttl: ttl,
                dscp: origin?.dscp
            )
        }
        return first
    }

    /// Sends the batch by the socket for its origin.
    private func sendAll(
        _ outgoing: inout SendBatch,
        of origin: HeldDatagrams.Origin?,
        at now: Int64
    ) {
        guard let sourcePorts, let origin else {
            let number = socketNumber(
                for: origin?.source,
                localAddress: origin?.localAddress,
                interfaceIndex: origin?.interfaceIndex ?? 0,
                count: outgoing.count,
                at: now
            )
            return sendAll(&outgoing, on: number, at: now)
        }
        guard let number = sourcePorts.socketNumber(for: origin.source.port, at: now) else {
            return activity.countDropped(UInt64(outgoing.count), .sourceUnavailable)
        }
        sendAll(&outgoing, on: number, at: now)
    }

    /// Sends the batch; one that fails is counted and does not stop the others.
    private func sendAll(_ outgoing: inout SendBatch, on number: Int32?, at now: Int64) {
        guard forwarding != nil, let number else {
            return activity.countFailed(UInt64(outgoing.count))
        }
        var (index, stale) = (0, StaleErrors())
        while index < outgoing.count {
            let result = outgoing.send(from: index, on: number)
            if result > 0 { noteForwarded(outgoing, index..<index + result, at: now) }
            index += max(result, 0)
            if result < 0 && isStale(Int32(-result), on: number, &stale) { continue }
            stale = StaleErrors()
            if result >= 0 { continue }
            if !preservesSource, SystemCallError.isOfSource(Int32(-result)),
                outgoing.forgetLocalAddresses(from: index)
            {
                continue
            }
            countRefused(1, Int32(-result))
            index += 1
        }
    }

    private func noteForwarded(_ batch: borrowing SendBatch, _ range: Range<Int>, at now: Int64) {
        var traffic = Traffic()
        for index in range {
            traffic.datagrams += 1
            traffic.bytes += UInt64(batch.payload(index).count)
        }
        noteSent(batch, range, at: HostNetwork.monotonicNanoseconds())
        activity.countForwarded(traffic)
        counters.countForwarded(traffic)
        relay?.noteRelayed(batch, range, at: now)
    }
}
