import HTTPTypes

/// What is known of a request when it is over, for logs and metrics.
package struct RequestRecord: Sendable {
    /// The request's id, as in its response's `Request-Id`.
    package var id: String

    /// The method as sent.
    package var method: HTTPRequest.Method

    /// The template of the route that answered; nil when none did.
    package var route: String?

    /// The path as sent, without the query.
    package var path: String

    /// The status sent; nil when the connection ended before there was a response.
    package var status: Int?

    /// Bytes of the response's body; what was queued, even if the client left early.
    package var responseBytes: Int

    /// Nanoseconds from the request line to the end of the response.
    package var durationNanoseconds: UInt64

    /// The other end of the connection.
    package var peer: Peer

    /// The id of the principal who asked; nil where the gate did not need to know.
    package var principal: String?
}
