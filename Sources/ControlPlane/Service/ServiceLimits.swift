/// How much the daemon takes on. ``all`` says for each limit what it may be set to.
package struct ServiceLimits: Sendable, Equatable {
    /// Most sessions at a time; each costs a descriptor and, with traffic, up to 1.2 MiB of ring.
    package var sessionsMax = 10_000

    /// Most HTTP connections of one listener at a time; more wait to be accepted.
    package var connectionsMax = 512

    /// Most HTTP connections from one address, 0 for no limit; more are closed without an answer.
    package var connectionsPerAddressMax = 0

    /// Most bytes of a request's body; more are answered 413.
    package var bodyBytesMax = 1_048_576

    /// Seconds within which a request's headers and body must be complete; else its connection is
    /// shut down, so that slow clients cannot hold all connections.
    package var requestDeadlineSeconds = 10

    /// Seconds within which a client must have taken the whole response.
    package var responseDeadlineSeconds = 60

    /// Seconds without a byte in either direction after which a connection is closed. A long-poll
    /// that waits is not inactive.
    package var inactivityTimeoutSeconds = 15

    /// Most requests a second of a caller whose token has no rate of its own, 0 for no limit; more
    /// are answered 429.
    package var requestsPerSecondMax = 0

    /// Most event streams at a time; each holds a connection.
    package var eventStreamsMax = 64

    /// Most sessions that have series of their own in GET /metrics: a scrape costs the listener's
    /// thread microseconds for each, and the one who scrapes some thirty series.
    package var metricsSessionsMax = 1000

    /// The defaults.
    package init() {}
}

extension ServiceLimits {
    /// One limit as data, for the command line, the configuration file and GET /v1/server.
    package struct Limit: Sendable {
        /// The property's name, which is also its key in JSON.
        package let name: String
        /// What it limits, in a few words without a full stop.
        package let summary: String
        /// The values it may have.
        package let range: ClosedRange<Int>
        /// The property.
        package let keyPath: WritableKeyPath<ServiceLimits, Int> & Sendable
    }

    /// Every limit, in the order in which people are told of them.
    package static let all = [
        Limit(
            name: "sessionsMax",
            summary: "most sessions at a time",
            range: 1...100_000,
            keyPath: \.sessionsMax
        ),
        Limit(
            name: "connectionsMax",
            summary: "most HTTP connections of a listener; more wait",
            range: 1...10_000,
            keyPath: \.connectionsMax
        ),
        Limit(
            name: "connectionsPerAddressMax",
            summary: "most HTTP connections from one address; 0 is no limit",
            range: 0...10_000,
            keyPath: \.connectionsPerAddressMax
        ),
        Limit(
            name: "bodyBytesMax",
            summary: "most bytes of a request's body",
            range: 1024...16_777_216,
            keyPath: \.bodyBytesMax
        ),
        Limit(
            name: "requestDeadlineSeconds",
            summary: "seconds in which a request must be complete",
            range: 1...300,
            keyPath: \.requestDeadlineSeconds
        ),
        Limit(
            name: "responseDeadlineSeconds",
            summary: "seconds in which a response must be taken",
            range: 1...3600,
            keyPath: \.responseDeadlineSeconds
        ),
        Limit(
            name: "inactivityTimeoutSeconds",
            summary: "seconds without a byte until a connection is closed",
            range: 1...3600,
            keyPath: \.inactivityTimeoutSeconds
        ),
        Limit(
            name: "requestsPerSecondMax",
            summary: "most requests a second of a caller whose token says nothing else; "
                + "0 is no limit",
            range: 0...1_000_000,
            keyPath: \.requestsPerSecondMax
        ),
        Limit(
            name: "eventStreamsMax",
            summary: "most event streams at a time",
            range: 0...1000,
            keyPath: \.eventStreamsMax
        ),
        Limit(
            name: "metricsSessionsMax",
            summary: "most sessions with series of their own in GET /metrics",
            range: 0...100_000,
            keyPath: \.metricsSessionsMax
        ),
    ]
}
