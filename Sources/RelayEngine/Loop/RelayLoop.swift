import RelayModel

/// The relay thread's work: waits for sockets and commands, and moves datagrams.
///
/// Everything here belongs to that one thread.
struct RelayLoop: ~Copyable {
    private static let mailboxToken = UInt64.max

    private let mailbox: Mailbox
    private let hostname: String
    private let meter: LoopMeter
    private var poller: Poller
    private var batch = ReceiveBatch()
    private var outgoing = SendBatch()
    /// Sessions by slot; a slot is the token of its socket's events.
    private var slots: [ActiveSession?] = []
    private var freeSlots: [Int] = []
    private var slotOfSocket: [ObjectIdentifier: Int] = [:]
    /// Slots with requests that can be sent now.
    private var sendingSlots: [Int] = []
    /// Slots whose requests wait for buffer space.
    private var blockedSlots: Set<Int> = []
    private var isStopped = false

    init(
        _ mailbox: Mailbox,
        hostname: String,
        meter: LoopMeter
    ) throws(SystemCallError) {
        self.mailbox = mailbox
        self.hostname = hostname
        self.meter = meter
        let poller = try Poller()
        try poller.add(mailbox.signal.descriptor.number, token: Self.mailboxToken)
        self.poller = poller
    }

    /// Runs until the stop command.
    mutating func run() {
        while !isStopped {
            do {
                try poller.wait(timeoutMilliseconds: waitMilliseconds)
            } catch {
                preconditionFailure("\(error.operation): \(error.name)")
            }
            let beganAt = HostNetwork.monotonicNanoseconds()
            for index in 0..<poller.count { handle(poller.event(index)) }
            sendTurns()
            let elapsed = HostNetwork.monotonicNanoseconds() - beganAt
            meter.note(nanoseconds: UInt64(elapsed))
        }
        finish(mailbox.close())
    }

    /// nil = until something happens; blocked requests have deadlines to be looked after.
    private var waitMilliseconds: Int32? {
        if !sendingSlots.isEmpty { return 0 }
        return blockedSlots.isEmpty ? nil : 100
    }

    private mutating func handle(_ event: Poller.Event) {
        if event.token == Self.mailboxToken {
            for command in mailbox.takeAll() { execute(command) }
            return
        }
        // An event of a session that a command of the same round removed.
        guard let active = slots[Int(event.token)] else { return }
        if event.hasError { active.collectErrors() }
        if event.isReadable { active.receive(&batch, replies: &outgoing) }
        if event.isWritable && blockedSlots.remove(Int(event.token)) != nil {
            sendingSlots.append(Int(event.token))
        }
    }

    // MARK: - Commands

    private mutating func execute(_ command: RelayCommand) {
        switch command {
        case .add(let session, let done): done(add(session))
        case .change(let session, let next, let done): done(change(session, to: next))
        case .remove(let session, let done):
            remove(session)
            done()
        case .send(let session, let request, let done): send(session, request, done)
        case .reply(let answer):
            guard let slot = slotOfSocket[ObjectIdentifier(answer.session.socket)] else { return }
            slots[slot]?.send(answer, &outgoing)
        case .stop: isStopped = true
        }
    }

    private mutating func add(_ session: RelaySession) -> SystemCallError? {
        let slot = freeSlots.popLast() ?? slots.count
        do {
            try poller.add(session.socket.number, token: UInt64(slot))
        } catch {
            freeSlots.append(slot)
            if slot == slots.count { slots.append(nil) }
            return error
        }
        let active = ActiveSession(session, hostname: hostname)
        if slot == slots.count { slots.append(active) } else { slots[slot] = active }
        slotOfSocket[ObjectIdentifier(session.socket)] = slot
        return nil
    }

    /// Between two batches, so that each is judged and remembered by one definition.
    private func change(_ session: RelaySession, to next: RelaySession) -> SystemCallError? {
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
        if let slot = slotOfSocket[ObjectIdentifier(session.socket)] {
            slots[slot]?.change(to: next, hostname: hostname)
        }
        return nil
    }

    private mutating func remove(_ session: RelaySession) {
        guard let slot = slotOfSocket.removeValue(forKey: ObjectIdentifier(session.socket))
        else { return }
        do {
            try poller.remove(session.socket.number)
        } catch {
            preconditionFailure("\(error.operation): \(error.name)")
        }
        slots[slot]?.failPendingSends(Self.notRunning)
        slots[slot] = nil
        sendingSlots.removeAll { $0 == slot }
        blockedSlots.remove(slot)
        freeSlots.append(slot)
    }

    private mutating func send(
        _ session: RelaySession,
        _ request: SendRequest,
        _ done: @escaping @Sendable (SendOutcome) -> Void
    ) {
        guard let slot = slotOfSocket[ObjectIdentifier(session.socket)], let active = slots[slot]
        else {
            return done(SendOutcome(failure: Self.notRunning))
        }
        guard session.path.destination != nil else {
            return done(SendOutcome(failure: Self.cannotSend))
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

    private static let notRunning = SessionError(.sessionNotRunning, "the session was stopped")
    private static let tooManySends = SessionError(
        .sendBufferFull,
        "\(ActiveSession.pendingSendsMax) requests of the session wait to be sent; try again later"
    )
    private static let cannotSend = SessionError(.cannotSend, "the session only receives")

    /// Answers what was asked too late.
    private mutating func finish(_ commands: [RelayCommand]) {
        for command in commands { execute(command) }
        for active in slots { active?.failPendingSends(Self.notRunning) }
    }

    // MARK: - Sending

    /// One batch for every session that has something to send, then the sockets get their turn.
    private mutating func sendTurns() {
        if sendingSlots.isEmpty && blockedSlots.isEmpty { return }
        let now = HostNetwork.monotonicNanoseconds()
        for slot in blockedSlots where isOverdue(slot, now) {
            blockedSlots.remove(slot)
            sendingSlots.append(slot)
        }
        let turns = sendingSlots
        sendingSlots.removeAll(keepingCapacity: true)
        for slot in turns {
            guard let active = slots[slot] else { continue }
            switch active.sendTurn(&outgoing) {
            case .idle: watchWritable(false, slot)
            case .more: sendingSlots.append(slot)
            case .blocked:
                watchWritable(true, slot)
                blockedSlots.insert(slot)
            }
        }
    }

    private func isOverdue(_ slot: Int, _ now: Int64) -> Bool {
        guard let pending = slots[slot]?.pendingSends.first else { return true }
        return now >= pending.deadline
    }

    private func watchWritable(_ isWatched: Bool, _ slot: Int) {
        guard let active = slots[slot], active.isWatchingWritable != isWatched else { return }
        do {
            try poller.setWritable(
                isWatched,
                active.session.socket.number,
                token: UInt64(slot)
            )
        } catch {
            preconditionFailure("\(error.operation): \(error.name)")
        }
        active.isWatchingWritable = isWatched
    }
}
