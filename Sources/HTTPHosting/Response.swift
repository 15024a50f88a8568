import HTTPTypes

/// What is sent back; the listener adds `Date`, `Content-Length` and `Request-Id`.
package struct Response: Sendable {
    /// The status code; its reason phrase is not sent as given, but as registered.
    package var status: HTTPResponse.Status

    /// Every field except those the listener adds.
    package var fields: HTTPFields

    /// The content. For a `HEAD` request only its length is sent.
    package var body: Content

    /// A response with exactly these fields.
    package init(status: HTTPResponse.Status, fields: HTTPFields = [:], body: Content = .empty) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}

extension Response {
    /// A dynamic JSON response: `application/json`, never cached.
    package static func json(_ body: Content, status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status, fields: dynamicJSONFields, body: body)
    }

    /// A dynamic JSON response, as `json(_:status:)`, written by `write`.
    package static func json(
        status: HTTPResponse.Status = .ok,
        _ write: (inout JSONWriter) -> Void
    ) -> Response {
        var writer = JSONWriter()
        write(&writer)
        return json(writer.content(), status: status)
    }

    /// 204: done, and nothing to say.
    package static var noContent: Response {
        Response(status: .noContent, fields: [.cacheControl: "no-store"])
    }

    private static let dynamicJSONFields: HTTPFields = [
        .contentType: "application/json", .cacheControl: "no-store",
    ]
}
