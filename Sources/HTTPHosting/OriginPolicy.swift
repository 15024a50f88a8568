/// Decides which web pages may talk to a listener: its own, and those of origins it was told.
///
/// Browsers say where a page comes from in `Origin` (RFC 6454) and in `Sec-Fetch-Site` (W3C Fetch
/// Metadata), neither of which a page can change. Not even a link on another site's page leads
/// here: whoever follows one is refused, and whoever types the address (`none`) is not. Programs
/// that are no browsers send neither field.
struct OriginPolicy: Sendable {
    /// The origins besides its own; `null`, which every sandboxed page has, is never among them.
    private let allowed: Set<String>

    /// Whether responses depend on `Origin`.
    var isAny: Bool { !allowed.isEmpty }

    /// The policy of a listener that serves pages of `allowedOrigins`.
    init(allowedOrigins: Set<String>) {
        allowed = allowedOrigins.filter(ListenerConfiguration.isOrigin)
    }

    /// Checks where a request to `host` comes from.
    ///
    /// - Returns: the allowed origin whose page may read the response; nil for a page of our own
    ///   and for what is no page.
    func check(_ headers: HeaderSection, host: String) throws(Problem) -> String? {
        guard !headers.origin.isRepeated, !headers.fetchSite.isRepeated else {
            throw .originNotAllowed("Origin or Sec-Fetch-Site is repeated.")
        }
        if let origin = headers.origin.value?.lowercased() {
            if allowed.contains(origin) { return origin }
            let host = host.lowercased()
            guard origin == "http://" + host || origin == "https://" + host else {
                throw .originNotAllowed("The page's origin is not this service.")
            }
        }
        switch headers.fetchSite.value {
        case nil, "same-origin", "none": return nil
        default: throw .originNotAllowed("A page of another origin asks.")
        }
    }
}

extension ListenerConfiguration {
    /// Whether `text` is an origin as browsers send it: `https://host` or `http://host:port`, in
    /// lower case, with nothing after it.
    package static func isOrigin(_ text: String) -> Bool {
        guard text == text.lowercased() else { return false }
        for scheme in ["http://", "https://"] where text.hasPrefix(scheme) {
            let host = String(text.dropFirst(scheme.count))
            return hostName(host) != nil && !host.hasSuffix(":")
        }
        return false
    }
}

extension Problem {
    /// 403: a web page from elsewhere asks.
    static func originNotAllowed(_ detail: String) -> Problem {
        Problem(
            status: .forbidden,
            code: "origin-not-allowed",
            title: "Origin not allowed",
            detail: detail
        )
    }
}
