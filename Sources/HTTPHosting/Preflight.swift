import HTTPTypes

/// The answer to a browser that asks on behalf of an allowed origin's page whether it may send
/// what it is about to send: Fetch, 4.8, CORS-preflight fetch.
enum Preflight {
    /// 204: these methods may be used, with the fields that the API understands.
    static func response(allow: String) -> Response {
        var fields: HTTPFields = [.cacheControl: "no-store"]
        fields[.accessControlAllowMethods] = allow
        fields[.accessControlAllowHeaders] =
            "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID"
        fields[.accessControlMaxAge] = "600"
        return Response(status: .noContent, fields: fields)
    }

    /// What pages of another origin may read besides the fields that all may.
    static let exposedFields =
        "Allow, ETag, Idempotency-Replayed, Location, Request-Id, Retry-After, WWW-Authenticate"
}
