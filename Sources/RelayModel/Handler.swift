/// A command that the operator declared, which answers datagrams with what it prints.
package struct Handler: Hashable, Sendable {
    /// How what it prints becomes answers.
    package enum Output: String, Sendable, CaseIterable {
        /// Each line is one, with its line feed, and is sent at once.
        case lines
        /// All of it is one, of any bytes, and is sent at its end; none when it prints nothing.
        case datagram
    }

    /// The variables that tell it of the datagram.
    package enum Environment: String, Sendable, CaseIterable {
        /// RELAYCAST_… only.
        case relaycast
        /// Also SOCAT_… as socat(1) sets them.
        case socat
    }

    /// The command and its arguments; the first is an absolute path.
    package var arguments: [String]
    /// How long a run may take before it is ended, 1–300.
    package var timeoutSeconds: Int
    /// Runs at once at most, 1–64.
    package var concurrencyMax: Int
    package var output: Output
    package var environment: Environment

    package static let timeoutSecondsRange = 1...300
    package static let concurrencyRange = 1...64
    package static let timeoutSecondsDefault = 5
    package static let concurrencyDefault = 4
    /// Arguments, the command included.
    package static let argumentsMax = 64
    /// Bytes of one argument as UTF-8.
    package static let argumentBytesMax = 4096
    /// Handlers that can be declared.
    package static let handlersMax = 64

    package init(
        _ arguments: [String],
        timeoutSeconds: Int = Handler.timeoutSecondsDefault,
        concurrencyMax: Int = Handler.concurrencyDefault,
        output: Output = .lines,
        environment: Environment = .relaycast
    ) {
        self.arguments = arguments
        self.timeoutSeconds = timeoutSeconds
        self.concurrencyMax = concurrencyMax
        self.output = output
        self.environment = environment
    }
}
