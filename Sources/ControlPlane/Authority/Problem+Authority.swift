import HTTPHosting
import HTTPTypes

extension Problem {
    /// 401: nobody knows who asks. `isWrong` when credentials came that are not good; why they are
    /// not is never told (RFC 6750, 3.1).
    static func unauthenticated(isWrong: Bool) -> Problem {
        let error = isWrong ? #", error="invalid_token""# : ""
        return Problem(
            status: .unauthorized,
            code: "unauthenticated",
            title: "Unauthenticated",
            detail: isWrong
                ? "the token is not valid, or not any more"
                : "send a token: Authorization: Bearer SECRET",
            fields: [.wwwAuthenticate: #"Bearer realm="relaycast""# + error]
        )
    }

    /// 403: the caller is known, but may not do this.
    static func forbiddenScope(_ scope: Scope) -> Problem {
        Problem(
            status: .forbidden,
            code: "forbidden-scope",
            title: "Scope missing",
            detail: "this needs the scope \(scope.rawValue)",
            fields: [
                .wwwAuthenticate: #"Bearer realm="relaycast", error="insufficient_scope", "#
                    + #"scope="\#(scope.rawValue)""#
            ]
        )
    }

    /// 429: the caller asked too often. The wait is rounded up to whole seconds (RFC 9110,
    /// 10.2.3).
    static func rateLimited(_ detail: String, afterNanoseconds: Int64) -> Problem {
        let seconds = max((afterNanoseconds + 999_999_999) / 1_000_000_000, 1)
        return Problem(
            status: .tooManyRequests,
            code: "rate-limited",
            title: "Too many requests",
            detail: detail,
            fields: [.retryAfter: "\(seconds)"]
        )
    }
}
