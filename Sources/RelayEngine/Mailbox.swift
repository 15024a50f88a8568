import RelayModel

/// What other threads ask of the relay thread.
enum RelayCommand: Sendable {
    case add(RelaySession, done: @Sendable (SystemCallError?) -> Void)
    case change(
        RelaySession,
        to: RelaySession,
        done: @Sendable (SystemCallError?) -> Void
    )
    case remove(RelaySession, done: @Sendable () -> Void)
    /// The addresses of this host, and the networks that they are in.
    case networks(OnLinkNetworks)
    /// The interfaces of this host, and which of them may be used.
    case interfaces(HostInterfaces)
    /// The addresses of other relays.
    case relays(Set<IPAddress>)
    case send(RelaySession, SendRequest, done: @Sendable (SendOutcome) -> Void)
    /// Sends a line that a handler has printed.
    case reply(HandlerAnswer)
    case stop
}

/// A bounded queue of commands that wakes the relay thread.
final class Mailbox: Sendable {
    /// Sends that may wait; everything else is asked by one thread at a time.
    static let sendsMax = 1024
    /// Commands beside which a handler's answer still gets in; the rest is left to sends.
    static let answersMax = 256

    private struct State {
        var commands: [RelayCommand] = []
        var isClosed = false
    }

    private let state = Locked(State())
    let signal: WakeSignal

    init() throws(SystemCallError) { signal = try WakeSignal() }

    /// Whether the relay thread has ended, or is about to.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Puts a command in; false when the mailbox is closed, or has no room for sends or answers.
    func post(_ command: RelayCommand) -> Bool {
        let isPosted = state.withLock { state in
            if state.isClosed { return false }
            if state.commands.count >= Self.roomFor(command) { return false }
            state.commands.append(command)
            return true
        }
        if isPosted { signal.signal() }
        return isPosted
    }

    /// How many others may wait before a command.
    private static func roomFor(_ command: RelayCommand) -> Int {
        switch command {
        case .send: sendsMax
        case .reply: answersMax
        default: .max
        }
    }

    /// Takes all commands.
    func takeAll() -> [RelayCommand] {
        signal.drain()
        return state.withLock { state in
            let taken = state.commands
            state.commands = []
            return taken
        }
    }

    /// Takes all commands for the last time; what comes later is refused.
    func close() -> [RelayCommand] {
        state.withLock { state in
            state.isClosed = true
            let taken = state.commands
            state.commands = []
            return taken
        }
    }
}
