import HTTPHosting
import HTTPTypes

typealias HTTPStatus = HTTPResponse.Status

extension Problem {
    /// 503: too many writes wait; nothing was done.
    static var overloaded: Problem {
        Problem(
            status: .serviceUnavailable,
            code: "overloaded",
            title: "Overloaded",
            detail: "too many writes wait; nothing was done, try again",
            fields: [.retryAfter: "1"]
        )
    }
}
