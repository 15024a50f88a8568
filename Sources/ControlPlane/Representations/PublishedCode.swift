/// A code that clients decide by: where it stands, and what it means.
///
/// `all` is the one list of them. `x-codes` of openapi.yaml and the table in README.md are held to
/// it by tests, and so is every `SessionError.Code`, `SessionWarning.Code` and `Problem`.
struct PublishedCode: Sendable, Hashable {
    /// Where a code can stand.
    enum Place: String, Sendable, CaseIterable {
        /// `code` of problem details.
        case problem
        /// `status.reason` of a session or a target.
        case reason
        /// `status.warnings` and `session.warning`.
        case warning
    }

    let code: String
    let places: [Place]
    /// One sentence without its full stop.
    let meaning: String

    private init(_ code: String, _ places: Place..., meaning: String) {
        self.code = code
        self.places = places
        self.meaning = meaning
    }

    // MARK: - All of them

    static let all = ofRequests + ofAuthority + ofSessions + ofWarnings

    /// What is wrong with a request, or with the moment for it.
    private static let ofRequests = [
        PublishedCode("bad-framing", .problem, meaning: "The request is not well-formed HTTP"),
        PublishedCode("bad-host", .problem, meaning: "The Host field is missing or no host"),
        PublishedCode("body-too-large", .problem, meaning: "The body is longer than allowed"),
        PublishedCode("draining", .problem, meaning: "The daemon stops and takes no more writes"),
        PublishedCode(
            "idempotency-key-in-use",
            .problem,
            meaning: "A request with this Idempotency-Key is still being answered"
        ),
        PublishedCode(
            "idempotency-key-reuse",
            .problem,
            meaning: "Another request had this Idempotency-Key"
        ),
        PublishedCode(
            "internal",
            .problem,
            .reason,
            meaning: "The daemon is at fault; see its log"
        ),
        PublishedCode(
            "invalid-field",
            .problem,
            meaning: "A member of the body has a value that it cannot have"
        ),
        PublishedCode("invalid-header", .problem, meaning: "A header field cannot be read"),
        PublishedCode("invalid-json", .problem, meaning: "The body is no JSON"),
        PublishedCode("invalid-query", .problem, meaning: "The query cannot be read"),
        PublishedCode(
            "method-not-allowed",
            .problem,
            meaning: "The path has no such method; Allow lists those it has"
        ),
        PublishedCode("missing-field", .problem, meaning: "The body lacks a member"),
        PublishedCode(
            "name-mismatch",
            .problem,
            meaning: "The name in the body is not the one in the path"
        ),
        PublishedCode("no-such-route", .problem, meaning: "There is no such path"),
        PublishedCode("not-implemented", .problem, meaning: "The method is not one of HTTP's"),
        PublishedCode(
            "overloaded",
            .problem,
            meaning: "Too much waits already; try again after Retry-After"
        ),
        PublishedCode(
            "patch-conflict",
            .problem,
            meaning: "The patch does not fit a session of this kind"
        ),
        PublishedCode(
            "precondition-failed",
            .problem,
            meaning: "If-Match or If-None-Match does not hold"
        ),
        PublishedCode(
            "unknown-field",
            .problem,
            meaning: "The body has a member that is not known"
        ),
        PublishedCode(
            "unsupported-media-type",
            .problem,
            meaning: "The body's Content-Type is none that the path takes"
        ),
    ]

    /// Who asks, and what they may do.
    private static let ofAuthority = [
        PublishedCode(
            "forbidden-by-policy",
            .problem,
            .reason,
            meaning: "The operator's policy forbids such a session"
        ),
        PublishedCode(
            "forbidden-scope",
            .problem,
            meaning: "The token lacks the scope, or does not reach the session"
        ),
        PublishedCode(
            "host-not-allowed",
            .problem,
            meaning: "The Host field names none of the allowed hosts"
        ),
        PublishedCode(
            "origin-not-allowed",
            .problem,
            meaning: "The request comes from a web page of an origin that is not allowed"
        ),
        PublishedCode(
            "rate-limited",
            .problem,
            meaning: "A limit of the caller or the session lets no more pass for now"
        ),
        PublishedCode("unauthenticated", .problem, meaning: "The token is missing or wrong"),
    ]

    /// What is impossible with a session here and now.
    private static let ofSessions = [
        PublishedCode(
            "address-in-use",
            .problem,
            .reason,
            meaning: "Another socket has the port to itself"
        ),
        PublishedCode(
            "cannot-send",
            .problem,
            .reason,
            meaning: "The session only receives"
        ),
        PublishedCode(
            "datagram-too-large",
            .problem,
            meaning: "The datagram is longer than UDP or the path allows"
        ),
        PublishedCode(
            "definition-unreadable",
            .problem,
            .reason,
            meaning: "This version cannot read the stored definition"
        ),
        PublishedCode("disabled", .reason, meaning: "`enabled` is false"),
        PublishedCode(
            "forward-loop",
            .problem,
            .reason,
            meaning: "The sessions would forward in a circle"
        ),
        PublishedCode(
            "group-join-failed",
            .problem,
            .reason,
            meaning: "The kernel did not let the session join its group"
        ),
        PublishedCode(
            "handler-not-found",
            .problem,
            .reason,
            meaning: "The operator has declared no handler of this name"
        ),
        PublishedCode(
            "interface-unavailable",
            .problem,
            .reason,
            meaning: "The interface is missing, down, or lacks the address"
        ),
        PublishedCode(
            "managed-by-configuration",
            .problem,
            meaning: "The configuration file defines the session"
        ),
        PublishedCode("name-in-use", .problem, meaning: "There is a session of this name already"),
        PublishedCode(
            "network-unreachable",
            .problem,
            .reason,
            meaning: "There is no route to the destination"
        ),
        PublishedCode(
            "permission-denied",
            .problem,
            .reason,
            meaning: "The daemon lacks a permission of the system"
        ),
        PublishedCode(
            "send-buffer-full",
            .problem,
            meaning: "The kernel has no room for more datagrams now"
        ),
        PublishedCode(
            "session-limit-reached",
            .problem,
            .reason,
            meaning: "There are as many sessions, or open descriptors, as there may be"
        ),
        PublishedCode(
            "session-not-found",
            .problem,
            .reason,
            meaning: "There is no session of this name"
        ),
        PublishedCode(
            "session-not-running",
            .problem,
            .reason,
            meaning: "The session is not running now"
        ),
        PublishedCode("store-full", .problem, meaning: "The disk has no room for the definition"),
        PublishedCode(
            "store-unavailable",
            .problem,
            meaning: "The disk did not take the definition"
        ),
    ]

    /// What a session that runs is warned of.
    private static let ofWarnings = [
        PublishedCode(
            "relay-loop",
            .warning,
            meaning: "Datagrams that the session has relayed come back to it"
        ),
        PublishedCode(
            "unicast-shared",
            .warning,
            meaning: "Sessions share a port, and one of them gets all its unicast"
        ),
    ]
}
