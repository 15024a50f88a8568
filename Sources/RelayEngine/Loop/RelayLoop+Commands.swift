import RelayModel

extension RelayLoop {
    mutating func execute(_ command: RelayCommand) {
        switch command {
        case .add(let session, let done): done(add(session))
        case .change(let session, let next, let done): done(change(session, to: next))
        case .remove(let session, let done):
            remove(session)
            done()
        case .networks(let networks):
            copies.setAddresses(networks.own)
            links.replace(networks)
        case .interfaces(let host): setHost(host)
        case .relays(let addresses): copies.ownSockets.setRelays(addresses)
        case .send(let session, let request, let done): send(session, request, done)
        case .reply(let answer):
            guard let slot = slotOfSocket[ObjectIdentifier(answer.session.socket)] else { return }
            slots[slot]?.send(answer, &outgoing)
        case .stop: isStopped = true
        }
    }

    mutating func add(_ session: RelaySession) -> SystemCallError? {
        let slot = freeSlots.popLast() ?? slots.count
        do {
            try poller.add(session.socket.number, token: UInt64(slot))
        } catch {
            freeSlots.append(slot)
            if slot == slots.count { slots.append(nil) }
            return error
        }
        let active = ActiveSession(
            session,
            hostname: hostname,
            copies: copies,
            links: links,
            host: host
        )
        if slot == slots.count { slots.append(active) } else { slots[slot] = active }
        slotOfSocket[ObjectIdentifier(session.socket)] = slot
        slotOfName[session.definition.name] = slot
        watch(active, slot)
        connectTargets(of: active, slot)
        connectTargets(to: session.definition.name)
        return nil
    }

    mutating func setHost(_ host: HostInterfaces) {
        self.host = host
        for active in slots { active?.setHost(host) }
    }

    /// Between two batches, so that each is judged and remembered by one definition.
    mutating func change(_ session: RelaySession, to next: RelaySession) -> SystemCallError? {
        do {
            try session.socket.change(
                SessionSocket.fieldsOfSending,
                from: session.definition,
                to: next.definition,
                interfaceIndex: session.path.interface?.index ?? 0
            )
        } catch {
            return error
        }
        if let slot = slotOfSocket[ObjectIdentifier(session.socket)], let active = slots[slot] {
            active.change(to: next, hostname: hostname)
            watch(active, slot)
            connectTargets(of: active, slot)
            connectTargets(to: next.definition.name)
        }
        return nil
    }

    mutating func remove(_ session: RelaySession) {
        guard let slot = slotOfSocket.removeValue(forKey: ObjectIdentifier(session.socket))
        else { return }
        do {
            try poller.remove(session.socket.number)
        } catch {
            preconditionFailure("\(error.operation): \(error.name)")
        }
        slots[slot]?.failPendingSends(Self.notRunning)
        forgetTargets(of: slot)
        slots[slot]?.close()
        slots[slot] = nil
        if slotOfName[session.definition.name] == slot {
            slotOfName[session.definition.name] = nil
            connectTargets(to: session.definition.name)
        }
        drains.remove(slot)
        sendingSlots.removeAll { $0 == slot }
        blockedSlots.remove(slot)
        freeSlots.append(slot)
    }

    mutating func send(
        _ session: RelaySession,
        _ request: SendRequest,
        _ done: @escaping @Sendable (SendOutcome) -> Void
    ) {
        guard let slot = slotOfSocket[ObjectIdentifier(session.socket)], let active = slots[slot]
        else {
            return done(SendOutcome(failure: Self.notRunning))
        }
        guard session.path.destination != nil else {
            return done(SendOutcome(failure: Self.whyNowhere(session)))
        }
        if request.count == 0 { return done(SendOutcome()) }
        guard active.pendingSends.count < ActiveSession.pendingSendsMax else {
            return done(SendOutcome(failure: Self.tooManySends))
        }
        active.pendingSends.append(
            PendingSend(
                request: request,
                done: done,
                deadline: HostNetwork.monotonicNanoseconds() + ActiveSession.sendWaitNanosecondsMax
            )
        )
        if active.pendingSends.count == 1 { sendingSlots.append(slot) }
    }

    private static func whyNowhere(_ session: RelaySession) -> SessionError {
        session.definition.sends
            ? LinkUse.hasNoBroadcast(session.path.interface?.name ?? "") : cannotSend
    }

    private static let notRunning = SessionError(.sessionNotRunning, "the session was stopped")
    private static let tooManySends = SessionError(
        .sendBufferFull,
        "\(ActiveSession.pendingSendsMax) requests of the session wait to be sent; try again later"
    )
    private static let cannotSend = SessionError(.cannotSend, "the session only receives")

    /// Answers what was asked too late.
    mutating func finish(_ commands: [RelayCommand]) {
        for command in commands { execute(command) }
        for active in slots {
            active?.failPendingSends(Self.notRunning)
            active?.close()
        }
    }
}
