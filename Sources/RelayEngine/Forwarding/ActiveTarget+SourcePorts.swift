import RelayModel

/// Targets with `sourceMode` preserve: datagrams leave with the address and the port that they came
/// from.
extension ActiveTarget {
    /// Opens no sockets yet, but keeps those of the target that this one stands for from now on.
    func openSourcePorts(keepingThoseOf old: [ActiveTarget]) {
        guard let egress = target.egress,
            case .endpoint(let endpoint) = target.definition.destination,
            endpoint.sourceMode == .preserve, endpoint.localPort == 0
        else { return }
        let previous = old.first { $0.target.egress?.socket === egress.socket }
        if let previous, previous.target.definition.destination == target.definition.destination {
            swap(&sourcePorts, &previous.sourcePorts)
        }
        if sourcePorts == nil {
            sourcePorts = SourcePorts(endpoint, egress, activity: activity)
        }
    }

    func closeSourcePorts() {
        sourcePorts?.close()
        sourcePorts = nil
    }
}

extension ActiveSession {
    /// Sends the datagrams of the mask, those of each source port by its socket; the datagrams that
    /// left.
    func sendFromSourcePorts(
        _ sourcePorts: SourcePorts,
        _ batch: borrowing ReceiveBatch,
        _ mask: UInt64,
        to target: ActiveTarget,
        at now: Int64
    ) -> UInt64 {
        var (rest, sent) = (mask, UInt64(0))
        while rest != 0 {
            let port = batch.datagram(rest.trailingZeroBitCount).sourcePort
            let own = batch.datagrams(of: rest, fromPort: port)
            rest &= ~own
            if let number = sourcePorts.socketNumber(for: port, at: now) {
                sent |= send(batch, own, to: target, on: number)
            } else {
                target.activity.countDropped(UInt64(own.nonzeroBitCount), .sourceUnavailable)
            }
        }
        return sent
    }
}

extension ReceiveBatch {
    /// Those of the datagrams of the mask that came from this port.
    fileprivate func datagrams(of mask: UInt64, fromPort port: UInt16) -> UInt64 {
        var (rest, found) = (mask, UInt64(0))
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if datagram(index).sourcePort == port { found |= 1 &<< UInt64(index) }
        }
        return found
    }
}

/// Targets whose source ports expire.
extension RelayLoop {
    /// Closes what has not been used for its lifetime.
    func expireSourcePorts(at now: Int64) {
        guard let budget = sourcePortTargets.first?.target.sourcePorts?.budget,
            budget.nextDue <= now
        else { return }
        budget.beginExpiring()
        for (_, target) in sourcePortTargets { target.sourcePorts?.expire(at: now) }
    }

    /// When `expireSourcePorts` has something to do; nil = never, as things are.
    var nextSourcePortDue: Int64? { sourcePortTargets.first?.target.sourcePorts?.budget.nextDue }
}
