/// A command that the operator declared, which answers datagrams with what it prints.
package struct Handler: Hashable, Sendable {
    /// The command and its arguments; the first is an absolute path.
    package var arguments: [String]
    /// How long a run may take before it is ended, 1–300.
    package var timeoutSeconds: Int
    /// Runs at once at most, 1–64.
    package var concurrencyMax: Int

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
        concurrencyMax: Int = Handler.concurrencyDefault
    ) {
        self.arguments = arguments
        self.timeoutSeconds = timeoutSeconds
        self.concurrencyMax = concurrencyMax
    }
}
