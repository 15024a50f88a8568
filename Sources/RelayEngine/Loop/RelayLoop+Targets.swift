import RelayModel

/// Targets that another session sends for, and targets with chaos.
extension RelayLoop {
    /// Finds the sessions that send for the targets of a session, which has new ones.
    mutating func connectTargets(of active: ActiveSession, _ slot: Int) {
        forgetTargets(of: slot, keeping: active.targets)
        for target in active.targets {
            if let name = target.sessionName {
                forwarders[name, default: []].insert(slot)
                targetNames[slot, default: []].append(name)
                target.setRelay(session(named: name), port: active.session.localEndpoint.port)
            }
            if target.chaos != nil { chaoticTargets.append((slot, target)) }
            serveMappings(of: target, slot)
            if target.sourcePorts != nil { sourcePortTargets.append((slot, target)) }
            watchReports(of: target, slot)
        }
    }

    /// What the poller reports for the sockets of a session's targets, but for its slot: above all
    /// slots, and below the ports of askers.
    static let reportTokens: Range<UInt64> = 1 << 61..<1 << 62

    /// Hears what the network reports of what a target was sent, where that counts. The poller
    /// forgets a socket when it is closed.
    private mutating func watchReports(of target: ActiveTarget, _ slot: Int) {
        guard !target.isWatched, target.reportedDestinations != .none,
            let number = target.target.egress?.socket.number
        else { return }
        let token = Self.reportTokens.lowerBound + UInt64(slot)
        do {
            try poller.add(number, token: token)
            try poller.change(number, token: token, to: .errors)
            target.isWatched = true
        } catch {
            // Its reports are then counted with the next datagram.
            target.note(error.operation, error.number)
        }
    }

    /// The network has reported something to the targets of the session in a slot.
    func collectReports(_ token: UInt64) {
        let slot = Int(token - Self.reportTokens.lowerBound)
        for target in slots[slot]?.targets ?? [] { target.collectReports() }
    }

    /// The targets of the session in a slot are no longer served, or only some of them. What chaos
    /// still holds for the others leaves at once.
    mutating func forgetTargets(of slot: Int, keeping kept: [ActiveTarget] = []) {
        for name in targetNames.removeValue(forKey: slot) ?? [] {
            forwarders[name]?.remove(slot)
            if forwarders[name]?.isEmpty == true { forwarders[name] = nil }
        }
        forgetMappings(of: slot)
        for (owner, target) in chaoticTargets
        where owner == slot && !kept.contains(where: { $0 === target }) {
            target.releaseAllHeld(&outgoing)
        }
        chaoticTargets.removeAll { $0.slot == slot }
        sourcePortTargets.removeAll { $0.slot == slot }
    }

    /// The session of this name has come, gone or changed.
    func connectTargets(to name: SessionName) {
        guard let waiting = forwarders[name] else { return }
        let relay = session(named: name)
        for slot in waiting {
            guard let active = slots[slot] else { continue }
            for target in active.targets where target.sessionName == name {
                target.setRelay(relay, port: active.session.localEndpoint.port)
            }
        }
    }

    private func session(named name: SessionName) -> ActiveSession? {
        slotOfName[name].flatMap { slots[$0] }
    }

    /// Sends what chaos has held back until now.
    mutating func releaseHeld(at now: Int64) {
        for (_, target) in chaoticTargets { target.releaseHeld(at: now, &outgoing) }
    }
}
