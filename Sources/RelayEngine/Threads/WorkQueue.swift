/// A thread that runs jobs one at a time, in order, and timers when they are due.
package final class WorkQueue: Sendable {
    package typealias Job = @Sendable () -> Void

    private struct Timer {
        let dueAt: Int64
        let job: Job
    }

    private struct State {
        var jobs: [Job] = []
        var timers: [UInt64: Timer] = [:]
        var nextTimer: UInt64 = 0
        var isClosed = false

        var nextDue: Int64? { timers.values.lazy.map(\.dueAt).min() }
    }

    private let state: Locked<State>
    private let jobsMax: Int
    private let thread: WorkerThread

    /// Starts the thread; `jobsMax` jobs may wait, timers not counted.
    package init(name: String, jobsMax: Int) throws(SystemCallError) {
        let state = Locked(State())
        self.state = state
        self.jobsMax = jobsMax
        thread = try WorkerThread(name: name) { Self.run(state) }
    }

    /// Adds a job; false when too many wait or the queue is closed.
    package func submit(_ job: @escaping Job) -> Bool {
        let isAdded = state.withLock { state in
            guard !state.isClosed, state.jobs.count < jobsMax else { return false }
            state.jobs.append(job)
            return true
        }
        if isAdded { state.signal() }
        return isAdded
    }

    /// Runs a job later, unless the queue is closed before; returns a token for `cancelTimer`.
    @discardableResult
    package func schedule(afterNanoseconds delay: Int64, _ job: @escaping Job) -> UInt64 {
        let dueAt = HostNetwork.monotonicNanoseconds() + delay
        let token = state.withLock { state in
            state.nextTimer += 1
            if !state.isClosed { state.timers[state.nextTimer] = Timer(dueAt: dueAt, job: job) }
            return state.nextTimer
        }
        state.signal()
        return token
    }

    /// Forgets a timer; harmless when it has run.
    package func cancelTimer(_ token: UInt64) {
        state.withLock { $0.timers[token] = nil }
    }

    /// Runs the jobs that wait, forgets the timers, and ends the thread. Called once.
    package func close() {
        state.withLock { $0.isClosed = true }
        state.signal()
        thread.join()
    }

    private static func run(_ state: Locked<State>) {
        while true {
            let due = state.withLock { $0.nextDue }
            state.wait(untilNanoseconds: due) { state in
                !state.jobs.isEmpty || state.isClosed || state.nextDue != due
            }
            guard let ready = takeReady(state) else { return }
            for job in ready { job() }
        }
    }

    /// The timer that is due longest, and after it one job, so that neither holds the other up; nil
    /// when the queue is closed and nothing waits.
    private static func takeReady(_ state: Locked<State>) -> [Job]? {
        let now = HostNetwork.monotonicNanoseconds()
        return state.withLock { state in
            // Timers may hold what holds the queue.
            if state.isClosed { state.timers = [:] }
            let first = state.timers.min { $0.value.dueAt < $1.value.dueAt }
            var ready: [Job] = []
            if let first, first.value.dueAt <= now {
                ready.append(first.value.job)
                state.timers[first.key] = nil
            }
            if !state.jobs.isEmpty { ready.append(state.jobs.removeFirst()) }
            return ready.isEmpty && state.isClosed ? nil : ready
        }
    }
}
