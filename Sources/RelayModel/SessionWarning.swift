/// Something that keeps a session that runs from doing all that its definition promises, and that
/// only its operator can mend.
package struct SessionWarning: Hashable, Sendable {
    package enum Code: String, Sendable, CaseIterable {
        /// What the session relays comes back to it.
        case relayLoop = "relay-loop"
        /// Sessions of this daemon share a port, and the kernel gives its unicast to one of them.
        case unicastShared = "unicast-shared"
    }

    /// Most warnings of a session at a time; it has each code once at most.
    package static let countMax = 8

    package let code: Code
    /// A sentence that says what happens and what to do.
    package let detail: String
    /// When it began; it stays while the warning lasts.
    package let since: Timestamp

    package init(_ code: Code, _ detail: String, since: Timestamp) {
        self.code = code
        self.detail = detail
        self.since = since
    }
}
