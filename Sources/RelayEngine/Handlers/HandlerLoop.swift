import RelayModel

/// The work of the handlers' thread: starts commands, reads what they print, and sees to their end.
///
/// Everything here belongs to that one thread.
struct HandlerLoop: ~Copyable {
    /// Commands of all handlers at once.
    static let runsMax = 256

    /// How long answers that the relay thread has no room for wait until they are offered again.
    private static let retryNanoseconds: Int64 = 10_000_000
    /// Reads of what a command that has ended has left: more than a pipe holds.
    private static let readsAtEndMax = 16
    /// What commands have to end when the daemon stops, and then to be gone after SIGKILL.
    private static let closingGraceNanoseconds: Int64 = 500_000_000

    private let shared: HandlerRunner.Shared
    private let mailbox: Mailbox
    private var notes: HandlerNotes
    private var pollSet = PollSet()
    private var reader = PipeReader()
    private var runs: [HandlerRun] = []
    /// Answers that the relay thread had no room for; nothing is started meanwhile.
    private var unsent: [HandlerAnswer] = []
    /// Where to begin looking for the next datagram, so that every handler gets its turn.
    private var turn = 0
    /// When whatever still runs is left alone, after the daemon began to stop.
    private var closesAt: Int64?

    init(_ shared: HandlerRunner.Shared, _ mailbox: Mailbox, _ notes: HandlerNotes) {
        self.shared = shared
        self.mailbox = mailbox
        self.notes = notes
    }

    /// Runs until the runner is closed and no command is left.
    mutating func run() {
        while true {
            wait()
            // From the end, because those that have ended are taken out.
            for index in runs.indices.reversed() { attend(index) }
            sendAgain()
            let now = HostNetwork.monotonicNanoseconds()
            for run in runs { run.pass(now) }
            if shared.isClosed {
                if isOver(now) { return }
            } else {
                startWaiting(now)
            }
        }
    }

    // MARK: - Waiting

    private mutating func wait() {
        pollSet.removeAll()
        pollSet.append(shared.signal.descriptor.number)
        for run in runs {
            pollSet.append(run.process.end.number)
            pollSet.append(run.isOutputWatched ? run.process.output.number : nil)
            pollSet.append(run.areErrorsWatched ? run.process.errors.number : nil)
        }
        pollSet.wait(timeoutMilliseconds: waitMilliseconds)
        if pollSet.isReady(0) { shared.signal.drain() }
    }

    /// nil = until something happens.
    private var waitMilliseconds: Int32? {
        let now = HostNetwork.monotonicNanoseconds()
        var due = closesAt ?? .max
        for run in runs { due = min(due, run.deadline ?? .max) }
        if !unsent.isEmpty { due = min(due, now + Self.retryNanoseconds) }
        return due == .max ? nil : Int32(clamping: (max(due - now, 0) + 999_999) / 1_000_000)
    }

    /// Whether the daemon need not wait any longer for commands to end.
    private mutating func isOver(_ now: Int64) -> Bool {
        unsent = []
        if let closesAt { return runs.isEmpty || now >= closesAt }
        for run in runs { run.end(nil, at: now, grace: Self.closingGraceNanoseconds) }
        closesAt = now + 2 * Self.closingGraceNanoseconds
        return runs.isEmpty
    }

    // MARK: - Starting

    /// Starts commands for the datagrams that wait, handler by handler, as many as may run.
    private mutating func startWaiting(_ now: Int64) {
        let queues = shared.queues
        var idle = 0
        while unsent.isEmpty, runs.count < Self.runsMax, idle < queues.count {
            turn = (turn + 1) % queues.count
            idle = startNext(queues[turn], now) ? 0 : idle + 1
        }
    }

    /// Starts a command for the handler's next datagram; whether there was one that may be started.
    private mutating func startNext(_ queue: HandlerQueue, _ now: Int64) -> Bool {
        let running = runs.count { $0.queue.name == queue.name }
        guard let handler = queue.handler, running < handler.concurrencyMax,
            let question = queue.take()
        else { return false }
        // Nobody could be answered any more.
        guard question.session.socket.isOpen else { return true }
        let activity = question.session.activity
        do throws(SystemCallError) {
            let run = try shared.starts.start { () throws(SystemCallError) in
                try HandlerRun(queue, handler, question, at: now)
            }
            runs.append(run)
            activity.counters.countHandlerRun()
        } catch {
            activity.counters.countHandlerFailure(.notStarted)
            activity.note(error)
            let detail = "\(error.operation) \(handler.arguments[0]): \(error.name)"
            notes.note(queue.name, question, .notStarted, detail)
        }
        return true
    }

    // MARK: - Running

    private mutating func attend(_ index: Int) {
        let run = runs[index]
        if pollSet.isReady(3 * index + 2), case .ended = readOutput(run) {
            run.isOutputWatched = false
            if let rest = run.takeRest() { send(rest) }
        }
        if pollSet.isReady(3 * index + 3), case .ended = readErrors(run) {
            run.areErrorsWatched = false
        }
        if pollSet.isReady(3 * index + 1), finish(run) { runs.remove(at: index) }
    }

    private mutating func readOutput(_ run: HandlerRun) -> PipeReader.Outcome {
        let outcome = reader.read(from: run.process.output)
        if case .bytes(let count) = outcome {
            for answer in run.take(reader.bytes(count)) { send(answer) }
        }
        return outcome
    }

    private mutating func readErrors(_ run: HandlerRun) -> PipeReader.Outcome {
        let outcome = reader.read(from: run.process.errors)
        if case .bytes(let count) = outcome { run.takeErrors(reader.bytes(count)) }
        return outcome
    }

    /// Takes what a command that has ended has left, and takes it off the system; whether it had.
    private mutating func finish(_ run: HandlerRun) -> Bool {
        for _ in 0..<Self.readsAtEndMax where run.isOutputWatched {
            guard case .bytes = readOutput(run) else { break }
        }
        for _ in 0..<Self.readsAtEndMax where run.areErrorsWatched {
            guard case .bytes = readErrors(run) else { break }
        }
        if let rest = run.takeRest() { send(rest) }
        guard let (failure, detail) = run.reap() else { return false }
        if let failure { run.question.session.activity.counters.countHandlerFailure(failure) }
        notes.note(run.queue.name, run.question, failure, detail, errorLines: run.errorLines)
        return true
    }

    // MARK: - Answers

    private mutating func send(_ answer: HandlerAnswer) {
        if unsent.isEmpty && mailbox.post(.reply(answer)) { return }
        if !mailbox.isClosed { unsent.append(answer) }
    }

    private mutating func sendAgain() {
        var sent = 0
        while sent < unsent.count, mailbox.post(.reply(unsent[sent])) { sent += 1 }
        unsent.removeFirst(sent)
    }
}
