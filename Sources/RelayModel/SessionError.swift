/// What was asked of a session is impossible here and now.
package struct SessionError: Error, Hashable, Sendable {
    /// The published problem codes that concern sessions.
    package enum Code: String, Sendable, CaseIterable {
        case nameInUse = "name-in-use"
        case sessionNotFound = "session-not-found"
        /// The session is not the one that the client had seen.
        case preconditionFailed = "precondition-failed"
        case addressInUse = "address-in-use"
        case interfaceUnavailable = "interface-unavailable"
        case networkUnreachable = "network-unreachable"
        case groupJoinFailed = "group-join-failed"
        case permissionDenied = "permission-denied"
        /// The operator does not want such sessions.
        case forbiddenByPolicy = "forbidden-by-policy"
        case sessionLimitReached = "session-limit-reached"
        case sessionNotRunning = "session-not-running"
        /// Whoever asks may not reach sessions like this one.
        case forbiddenScope = "forbidden-scope"
        /// The configuration file defines it.
        case managedByConfiguration = "managed-by-configuration"
        /// The operator has declared no handler of this name.
        case handlerNotFound = "handler-not-found"
        case cannotSend = "cannot-send"
        case datagramTooLarge = "datagram-too-large"
        /// What is forwarded would come back.
        case forwardLoop = "forward-loop"
        /// A limit of the session lets no more pass for now.
        case rateLimited = "rate-limited"
        case sendBufferFull = "send-buffer-full"
        /// Nobody wants the session to run: `enabled` is false.
        case disabled
        /// A stored definition that this version cannot read.
        case definitionUnreadable = "definition-unreadable"
        /// There is no space on the disk for the definition.
        case storeFull = "store-full"
        /// The disk did not take the definition.
        case storeUnavailable = "store-unavailable"
        case `internal` = "internal"
    }

    package let code: Code
    /// A sentence that says what was tried, what went wrong and what to do.
    package let detail: String
    /// The symbolic name of the system's error, like `EADDRINUSE`, where there was one.
    package let errno: String?
    /// The fields to blame, where the operator's policy forbids them.
    package let violations: [FieldViolation]
    /// After how many seconds it may be possible; nil = it is not known.
    package let retryAfterSeconds: Int?

    package init(
        _ code: Code,
        _ detail: String,
        errno: String? = nil,
        violations: [FieldViolation] = [],
        retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.detail = detail
        self.errno = errno
        self.violations = violations
        self.retryAfterSeconds = retryAfterSeconds
    }
}
