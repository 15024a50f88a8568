import RelayModel

/// The datagrams that wait for one handler: the relay thread puts them in, the handlers' thread
/// takes them out.
final class HandlerQueue: Sendable {
    /// Datagrams of one handler that may wait.
    static let waitingMax = 64
    /// Their payload bytes.
    static let waitingBytesMax = 1_048_576

    let name: HandlerName

    private struct State {
        /// nil when it is no longer declared.
        var handler: Handler?
        var waiting: [HandlerQuestion] = []
        var waitingBytes = 0
    }

    private let state: Locked<State>
    private let signal: WakeSignal

    /// - Parameter signal: wakes the handlers' thread.
    init(_ name: HandlerName, _ handler: Handler, signal: WakeSignal) {
        self.name = name
        self.signal = signal
        state = Locked(State(handler: handler))
    }

    /// The command to run; nil when the operator has taken it away.
    var handler: Handler? { state.withLock { $0.handler } }

    /// From now on another command runs; with none nothing more gets in.
    func replace(_ handler: Handler?) {
        state.withLock { state in
            state.handler = handler
            if handler == nil { (state.waiting, state.waitingBytes) = ([], 0) }
        }
    }

    /// Copies a datagram in, and never waits for a command; false where there is no room for it.
    func put(
        _ datagram: ReceivedDatagram,
        _ payload: Span<UInt8>,
        in session: RelaySession,
        answeredBy route: AnswerRoute
    ) -> Bool {
        let wasEmpty: Bool? = state.withLock { state in
            guard state.handler != nil, state.waiting.count < Self.waitingMax,
                payload.count <= Self.waitingBytesMax - state.waitingBytes
            else { return nil }
            state.waitingBytes += payload.count
            let question = HandlerQuestion(datagram, payload, in: session, answeredBy: route)
            state.waiting.append(question)
            return state.waiting.count == 1
        }
        if wasEmpty == true { signal.signal() }
        return wasEmpty != nil
    }

    /// The datagram that waits longest.
    func take() -> HandlerQuestion? {
        state.withLock { state in
            if state.waiting.isEmpty { return nil }
            let question = state.waiting.removeFirst()
            state.waitingBytes -= question.payload.count
            return question
        }
    }
}
