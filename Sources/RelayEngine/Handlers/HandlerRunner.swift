import RelayModel

/// The commands that the operator declared, and the thread that runs them.
final class HandlerRunner: Sendable {
    /// What the thread shares with the others.
    final class Shared: Sendable {
        let signal: WakeSignal
        let starts = ProcessStarts()
        private let state = Locked(State())

        private struct State {
            var queues: [HandlerQueue] = []
            var isClosed = false
        }

        init() throws(SystemCallError) { signal = try WakeSignal() }

        /// One for every handler there is, in the order of their names.
        var queues: [HandlerQueue] {
            get { state.withLock { $0.queues } }
            set { state.withLock { $0.queues = newValue } }
        }

        var isClosed: Bool { state.withLock { $0.isClosed } }

        /// Whether it was open until now.
        func close() -> Bool {
            let wasOpen = state.withLock { state in
                defer { state.isClosed = true }
                return !state.isClosed
            }
            signal.signal()
            return wasOpen
        }
    }

    private let shared: Shared
    private let thread: WorkerThread

    /// Starts the thread; `note` is called on it.
    init(
        _ handlers: [HandlerName: Handler],
        mailbox: Mailbox,
        note: @escaping @Sendable (HandlerNote) -> Void
    ) throws(SystemCallError) {
        let shared = try Shared()
        self.shared = shared
        thread = try WorkerThread(name: "handlers") {
            var loop = HandlerLoop(shared, mailbox, HandlerNotes(note))
            loop.run()
        }
        replace(handlers)
    }

    /// The names of the handlers, in order.
    var names: [HandlerName] { shared.queues.map(\.name) }

    /// Where datagrams wait for a handler; nil if there is none of this name.
    func queue(_ name: HandlerName) -> HandlerQueue? { shared.queues.first { $0.name == name } }

    /// From now on these are the handlers, called by one thread at a time. What runs goes on to its
    /// end; what waits for a handler that is gone is forgotten.
    func replace(_ handlers: [HandlerName: Handler]) {
        let present = shared.queues
        for queue in present { queue.replace(handlers[queue.name]) }
        let known = present.filter { handlers[$0.name] != nil }
        let names = Set(known.map(\.name))
        let new = handlers.filter { !names.contains($0.key) }.map { name, handler in
            HandlerQueue(name, handler, signal: shared.signal)
        }
        shared.queues = (known + new).sorted { $0.name < $1.name }
    }

    /// Returns when no command that is being started has a descriptor that was closed before.
    func waitForStart() { shared.starts.wait() }

    /// Ends all commands and the thread; harmless when repeated.
    func close() {
        // Datagrams that wait hold the sessions that hold the queue.
        for queue in shared.queues { queue.replace(nil) }
        if shared.close() { thread.join() }
    }
}

/// What runs of handlers hold at once.
package enum HandlerDescriptors {
    /// For each run its end, its output and its standard error.
    private static let perRun = 3
    /// What is open only while a run is started.
    private static let whileStarting = 5

    /// The most descriptors that these handlers need; 0 for none.
    package static func countMax(_ handlers: some Collection<Handler>) -> Int {
        let runs = min(handlers.reduce(0) { $0 + $1.concurrencyMax }, HandlerLoop.runsMax)
        return runs == 0 ? 0 : runs * perRun + whileStarting
    }
}
