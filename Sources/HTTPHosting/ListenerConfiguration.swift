import HTTPTypes

/// Where a listener accepts connections, and how much it puts up with.
package struct ListenerConfiguration: Sendable {
    /// The socket to listen on.
    package var address: ListenAddress

    /// What to show and ask where the listener speaks TLS; nil speaks plain HTTP.
    package var tls: TLSSettings?

    /// Most connections at a time; more wait in the backlog until idle ones have been closed.
    ///
    /// 512 is far more than dashboards need. Keep it well below the limit of descriptors: when
    /// accept(2) fails with EMFILE, libmicrohttpd accepts nobody until a connection ends.
    package var connectionsMax = 512

    /// Most connections from one address, 0 for no limit; more are closed without a word.
    package var connectionsPerAddressMax = 0

    /// Bytes of memory for each connection; half of it bounds the header section.
    package var connectionMemoryBytes = 32 * 1024

    /// Seconds without a byte in either direction after which a connection is closed.
    package var inactivityTimeoutSeconds = 15

    /// Seconds within which headers and body must be complete; else the socket is shut down.
    ///
    /// It counts from the connection's beginning to the request line, and again from there to the
    /// end of the body, so a slow client is gone after twice this time at most.
    package var requestDeadlineSeconds = 10

    /// Seconds within which the client must have taken the whole response.
    package var responseDeadlineSeconds = 60

    /// Most bytes of a stream that wait for its client; a chunk that would exceed them is not
    /// taken, unless it is the only one. Shared chunks count for each stream.
    package var streamPendingBytesMax = 256 * 1024

    /// Seconds within which a stream's client must take something of what is pending; else its
    /// socket is shut down. A stream that has nothing to say may last for ever.
    package var streamStallSeconds = 30

    /// Most bytes of all bodies in progress together, without the first 64 KiB of each; what comes
    /// beyond is 503 `overloaded`.
    package var bodiesBytesMax = 256 * 1024 * 1024

    /// Most bytes of body, unless the route says otherwise; more are 413.
    package var bodyBytesMax = 1024 * 1024

    /// Connections the kernel holds ready for accept(2).
    package var backlog = 128

    /// Names accepted in `Host` besides loopback names, loopback literals and `address` itself:
    /// a web page that has its name resolved to this machine must not reach the API (DNS
    /// rebinding). A listener on all addresses accepts every literal; a unix socket everything.
    package var allowedHosts: Set<String> = []

    /// Origins besides its own whose web pages may talk to the listener and read its responses, as
    /// `isOrigin(_:)` wants them; what is none is left out. Nothing of it is for cookies.
    package var allowedOrigins: Set<String> = []

    /// Decides who may do what; nil lets everybody do everything.
    package var gate: Gate?

    /// The request fields that handlers see; copying all of them would cost every request.
    package var fieldNames: [HTTPField.Name] = [
        .accept, .authorization, .contentEncoding, .contentType, .ifMatch, .ifNoneMatch,
        .lastEventID, .idempotencyKey,
    ]

    /// The defaults, on `address`.
    package init(address: ListenAddress) {
        self.address = address
    }
}

extension HTTPField.Name {
    /// Makes a POST repeatable: draft-ietf-httpapi-idempotency-key-header.
    package static let idempotencyKey = custom("Idempotency-Key")

    /// Where an event stream continues: HTML, 9.2.4.
    package static let lastEventID = custom("Last-Event-ID")

    /// Identifies a request in responses, problems and logs.
    package static let requestID = custom("Request-Id")

    private static func custom(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else {
            preconditionFailure("\(name) is not a field name.")
        }
        return name
    }
}
