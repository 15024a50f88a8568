import HTTPTypes

extension Problem {
    /// The response that carries this problem, for the request with this id.
    package func response(requestID: String) -> Response {
        var fields = fields
        fields[.contentType] = "application/problem+json"
        fields[.cacheControl] = "no-store"
        var writer = JSONWriter()
        write(to: &writer, requestID: requestID)
        return Response(status: status, fields: fields, body: writer.content())
    }

    /// Appends the problem as one object; without an id, for a problem inside a larger answer.
    package func write(to writer: inout JSONWriter, requestID: String? = nil) {
        writer.beginObject()
        writer.member("type", "/problems/" + code)
        writer.member("title", title)
        writer.member("status", status.code)
        writer.member("code", code)
        writer.member("detail", detail)
        if !errors.isEmpty {
            writer.key("errors")
            writer.beginArray()
            for error in errors {
                writer.beginObject()
                writer.member("pointer", error.pointer)
                writer.member("detail", error.detail)
                writer.endObject()
            }
            writer.endArray()
        }
        if let errno { writer.member("errno", errno) }
        for member in extensions {
            writer.key(member.name)
            writer.raw(member.json)
        }
        if let requestID { writer.member("requestId", requestID) }
        writer.endObject()
    }
}

extension Problem {
    /// 400: the request does not follow HTTP, so nobody can say where it ends.
    package static func badFraming(_ detail: String) -> Problem {
        Problem(
            status: .badRequest,
            code: "bad-framing",
            title: "Malformed HTTP request",
            detail: detail
        )
    }

    /// 501: an HTTP feature that this server does not have.
    package static func notImplemented(_ detail: String) -> Problem {
        Problem(
            status: .notImplemented,
            code: "not-implemented",
            title: "Not implemented",
            detail: detail
        )
    }

    /// 413: the body is longer than `bytesMax`.
    package static func bodyTooLarge(bytesMax: Int) -> Problem {
        Problem(
            status: .contentTooLarge,
            code: "body-too-large",
            title: "Body too large",
            detail: "The body may have at most \(bytesMax) bytes."
        )
    }

    /// 500: our fault.
    package static func internalError(_ detail: String) -> Problem {
        Problem(
            status: .internalServerError,
            code: "internal",
            title: "Internal error",
            detail: detail
        )
    }

    /// 503: too much is asked at a time; nothing was done.
    package static var overloaded: Problem {
        Problem(
            status: .serviceUnavailable,
            code: "overloaded",
            title: "Overloaded",
            detail: "Too many requests wait; nothing was done, try again.",
            fields: [.retryAfter: "1"]
        )
    }

    /// 503: the daemon is about to stop.
    package static var draining: Problem {
        Problem(
            status: .serviceUnavailable,
            code: "draining",
            title: "Draining",
            detail: "The daemon is stopping and takes no more requests.",
            fields: [.retryAfter: "1"]
        )
    }
}
