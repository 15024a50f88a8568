import RelayModel

/// The relay thread's work: waits for sockets and commands, and moves datagrams.
///
/// Everything here belongs to that one thread.
struct RelayLoop: ~Copyable {
    private static let mailboxToken = UInt64.max

    let mailbox: Mailbox
    let hostname: String
    private let meter: LoopMeter
    var poller: Poller
    var batch = ReceiveBatch()
    /// For what is received while a batch is being worked on.
    private var spare = ReceiveBatch()
    var outgoing = SendBatch()
    /// Sessions by slot; a slot is the token of its socket's events.
    var slots: [ActiveSession?] = []
    var freeSlots: [Int] = []
    var slotOfSocket: [ObjectIdentifier: Int] = [:]
    var slotOfName: [SessionName: Int] = [:]
    /// The slots of the sessions with a target of this name, and the other way round.
    var forwarders: [SessionName: Set<Int>] = [:]
    var targetNames: [Int: [SessionName]] = [:]
    let links = HostLinks()
    var host = HostInterfaces()
    let copies = SentCopies()
    /// Slots with requests that can be sent now.
    var sendingSlots: [Int] = []
    /// Slots whose requests wait for buffer space.
    var blockedSlots: Set<Int> = []
    /// Slots whose sockets are readable and are drained later.
    var drains = DueQueue()
    /// Targets with chaos, which hold datagrams back.
    var chaoticTargets: [(slot: Int, target: ActiveTarget)] = []
    /// Targets whose source ports have sockets of their own.
    var sourcePortTargets: [(slot: Int, target: ActiveTarget)] = []
    /// Targets with `mapReplies`, by the tokens of their ports, and the slots of their sessions.
    var mappedTargets: [UInt64: (target: ActiveTarget, slot: Int)] = [:]
    var nextMappedToken = RelayLoop.mappedTokens.lowerBound
    var isStopped = false

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
        HostNetwork.waitExactly()
        var now = HostNetwork.monotonicNanoseconds()
        while !isStopped {
            wait(atMost: waitNanoseconds(from: now))
            let beganAt = HostNetwork.monotonicNanoseconds()
            turn(at: beganAt)
            now = HostNetwork.monotonicNanoseconds()
            meter.note(nanoseconds: UInt64(now - beganAt))
        }
        finish(mailbox.close())
    }

    /// Does what is to do without waiting: whether there was any event.
    mutating func runOnce() -> Bool {
        wait(atMost: 0)
        turn(at: HostNetwork.monotonicNanoseconds())
        return poller.count > 0
    }

    private mutating func wait(atMost nanoseconds: Int64?) {
        do {
            try poller.wait(timeoutNanoseconds: nanoseconds)
        } catch {
            preconditionFailure("\(error.operation): \(error.name)")
        }
    }

    private mutating func turn(at now: Int64) {
        for index in 0..<poller.count { handle(poller.event(index), at: now) }
        while let slot = drains.takeDue(at: now) { drainPlanned(slot) }
        releaseHeld(at: now)
        tickMappings(at: now)
        expireSourcePorts(at: now)
        copies.tick(at: now)
        sendTurns()
    }

    /// nil = until something happens; blocked requests have deadlines to be looked after.
    private func waitNanoseconds(from now: Int64) -> Int64? {
        if !sendingSlots.isEmpty { return 0 }
        var due = blockedSlots.isEmpty ? Int64.max : now + 100_000_000
        if let next = drains.nextDue { due = min(due, next) }
        for (_, target) in chaoticTargets {
            if let next = target.chaos?.value.nextDue { due = min(due, next) }
        }
        if let next = nextMappingDue { due = min(due, next) }
        if let next = nextSourcePortDue { due = min(due, next) }
        if let next = copies.nextDue { due = min(due, next) }
        return due == .max ? nil : max(due - now, 0)
    }

    private mutating func handle(_ event: Poller.Event, at now: Int64) {
        if event.token == Self.mailboxToken {
            for command in mailbox.takeAll() { execute(command) }
            return
        }
        if Self.mappedTokens.contains(event.token) { return returnAnswers(event.token) }
        if Self.reportTokens.contains(event.token) { return collectReports(event.token) }
        let slot = Int(event.token)
        // An event of a session that a command of the same round removed.
        guard let active = slots[slot] else { return }
        if event.hasError {
            active.collectReports()
            // A socket that is watched once reports nothing more after the error.
            if !event.isReadable { watch(active, slot) }
        }
        if event.isReadable { readable(active, slot, at: now) }
        if event.isWritable && blockedSlots.remove(slot) != nil { sendingSlots.append(slot) }
    }

    /// Drains the socket, or plans to, as the session asks.
    private mutating func readable(_ active: ActiveSession, _ slot: Int, at now: Int64) {
        let window = active.drain.windowNanoseconds(at: now)
        if window == 0 || active.isWatchingWritable {
            receive(active, slot)
        } else if !active.drain.isPlanned {
            active.drain.isPlanned = true
            drains.insert(slot, at: now + window)
        }
    }

    private mutating func drainPlanned(_ slot: Int) {
        guard let active = slots[slot] else { return }
        active.drain.isPlanned = false
        receive(active, slot)
    }

    private mutating func receive(_ active: ActiveSession, _ slot: Int) {
        let batches =
            poller.count > 1 ? ActiveSession.batchesPerTurn : ActiveSession.batchesWhenAlone
        let count = active.receive(&batch, batches: batches, spare: &spare, replies: &outgoing)
        guard active.drain.hasWindow else { return }
        active.drain.note(count, at: HostNetwork.monotonicNanoseconds())
        watch(active, slot)
    }
}
