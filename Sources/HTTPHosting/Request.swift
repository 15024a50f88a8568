import HTTPTypes

/// One request, complete: its header section and its whole body have arrived.
package struct Request: Sendable {
    /// Identifies this request in the response's `Request-Id`, in problems and in logs.
    package var id: String

    /// The method as sent; `HEAD` is not turned into `GET`.
    package var method: HTTPRequest.Method

    /// The path as sent, still percent-encoded, without the query.
    package var path: String

    /// The path's segments, percent-decoded one by one, so `%2F` never separates two.
    package var segments: [String]

    /// The query's pairs, decoded, in the order sent; a `+` means a space.
    package var query: [QueryItem]

    /// The fields named in `ListenerConfiguration.fieldNames` that the client sent.
    package var fields: HTTPFields

    /// The whole body; empty where the route consumes none.
    package var body: [UInt8]

    /// The other end of the connection.
    package var peer: Peer

    /// Who asks, as the listener's gate found out; nil where it did not need to know, and without
    /// a gate.
    package var principal: (any Principal)?

    /// Takes the request target apart.
    ///
    /// - Parameter target: the request target as sent: origin form (`/a?b`), absolute form
    ///   (`http://host/a?b`, whose host is left out) or `*` (RFC 9112, 3.2).
    /// - Throws: a problem `bad-framing` for a path, `invalid-query` for a query that cannot be
    ///   decoded.
    package init(
        id: String = RequestID.next(),
        method: HTTPRequest.Method,
        target: String,
        fields: HTTPFields = [:],
        body: [UInt8] = [],
        peer: Peer = Peer()
    ) throws(Problem) {
        self.init(id: id, method: method, try RequestTarget(target), fields: fields, peer: peer)
        self.body = body
    }

    /// A request whose target has been taken apart, and whose body has not arrived.
    init(
        id: String,
        method: HTTPRequest.Method,
        _ target: RequestTarget,
        fields: HTTPFields,
        peer: Peer
    ) {
        self.id = id
        self.method = method
        path = target.path
        segments = target.segments
        query = target.query
        self.fields = fields
        body = []
        self.peer = peer
    }
}

/// One `name=value` of a query, decoded; the value is empty where there was no `=`.
package struct QueryItem: Sendable, Equatable {
    /// The part before the first `=`.
    package var name: String

    /// The part after the first `=`.
    package var value: String

    /// A pair made by hand.
    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
