import Glibc
import RelayModel

/// A command that answers one datagram, from its start to its end.
final class HandlerRun {
    /// How far it is from its end.
    private enum Stage {
        case running
        /// SIGTERM was sent.
        case asked
        /// SIGKILL was sent; there is nothing more to do than to wait.
        case killed
    }

    let queue: HandlerQueue
    let question: HandlerQuestion
    let process: ChildProcess
    /// When something has to be done about it: monotonic nanoseconds; nil = never.
    private(set) var deadline: Int64?
    /// Why it was ended before its time.
    private(set) var failure: HandlerFailure?
    /// Whether more of its output counts: not after its end, nor when it was ended, so that whoever
    /// prints without end waits.
    var isOutputWatched = true
    /// Whether there may be more of its standard error.
    var areErrorsWatched = true

    private let timeoutSeconds: Int
    private var stage = Stage.running
    private var output: OutputLines
    private var errors = ErrorLines()
    private var hasAnswered = false

    /// What a command that was asked to end has left for it.
    static let graceNanoseconds: Int64 = 1_000_000_000

    /// Starts the command.
    init(
        _ queue: HandlerQueue,
        _ handler: Handler,
        _ question: HandlerQuestion,
        at now: Int64
    ) throws(SystemCallError) {
        self.queue = queue
        self.question = question
        timeoutSeconds = handler.timeoutSeconds
        output = OutputLines(handler.output)
        process = try ChildProcess(
            handler.arguments,
            environment: question.environment(handler.environment),
            input: question.payload.span
        )
        deadline = now + Int64(handler.timeoutSeconds) * 1_000_000_000
    }

    /// The answers in more of its output.
    func take(_ bytes: Span<UInt8>) -> [HandlerAnswer] {
        let lines = output.take(bytes)
        if output.isTooLong { end(.outputTooLong, at: HostNetwork.monotonicNanoseconds()) }
        return lines.map(answer)
    }

    /// Takes more of its standard error.
    func takeErrors(_ bytes: Span<UInt8>) { errors.take(bytes) }

    /// The answer in a last line without a line feed, or in all that it has printed.
    func takeRest() -> HandlerAnswer? {
        stage == .running ? output.takeRest().map(answer) : nil
    }

    private func answer(_ line: [UInt8]) -> HandlerAnswer {
        defer { hasAnswered = true }
        return HandlerAnswer(
            session: question.session,
            queue: queue,
            route: question.answerRoute,
            payload: line,
            isFirst: !hasAnswered
        )
    }

    /// Ends it: SIGTERM for its group now, and SIGKILL after the grace. Without a reason it is not
    /// to blame.
    func end(_ reason: HandlerFailure?, at now: Int64, grace: Int64 = graceNanoseconds) {
        if let deadline { self.deadline = min(deadline, now + grace) }
        guard stage == .running else { return }
        failure = reason
        isOutputWatched = false
        stage = .asked
        process.signal(SIGTERM)
    }

    /// Does what is due.
    func pass(_ now: Int64) {
        guard let deadline, now >= deadline else { return }
        self.deadline = .max
        switch stage {
        case .running: end(.timeOut, at: now)
        case .asked, .killed: kill()
        }
    }

    private func kill() {
        stage = .killed
        deadline = nil
        process.signal(SIGKILL)
    }

    /// Takes it off the system, with what it has left behind in its group; why it failed, and how,
    /// for the log. nil while it runs.
    func reap() -> (failure: HandlerFailure?, detail: String)? {
        process.signal(SIGKILL)
        guard let end = process.reap() else { return nil }
        switch failure {
        case .timeOut: return (.timeOut, "it took longer than \(timeoutSeconds) s")
        case .outputTooLong: return (.outputTooLong, "it printed more than \(output.limits)")
        case nil where stage != .running: return (nil, "")
        default: break
        }
        switch end {
        case .status(0): return (nil, "")
        case .status(let status): return (.exitStatus, "exit status \(status)")
        case .signal(let signal): return (.exitStatus, "signal \(signal)")
        }
    }

    /// The first lines of its standard error.
    var errorLines: [String] { errors.lines }
}
