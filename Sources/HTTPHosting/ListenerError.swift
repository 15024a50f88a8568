/// Why a listener could not start.
package struct ListenerError: Error, Sendable, Equatable {
    /// The call that failed, such as `bind`.
    package var operation: String

    /// The name of the error it gave, such as `EADDRINUSE`; nil when the system gave none.
    package var errno: String?

    /// What to tell whoever started the daemon.
    package var sentence: String
}

extension ListenerError: CustomStringConvertible {
    /// The sentence, and in parentheses what failed.
    package var description: String {
        "\(sentence) (\(operation)\(errno.map { ": " + $0 } ?? ""))"
    }
}
