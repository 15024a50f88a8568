import HTTPHosting

/// What a caller may do.
package enum Scope: String, Sendable, CaseIterable {
    /// See sessions, their counters and events, and the host they run on.
    case readSessions = "sessions:read"
    /// Make, change and delete sessions, and send with them.
    case writeSessions = "sessions:write"
    /// See the packets of sessions, payloads included.
    case readPackets = "packets:read"
    /// Scrape the metrics.
    case readMetrics = "metrics:read"
    /// Everything.
    case administer = "admin"
}

extension Scope {
    /// What a route asks of its callers; nil where it is open to everyone.
    ///
    /// A route of /v1 is never open by oversight: without a scope of its own it asks for one of the
    /// two for sessions, by its method, and for `admin` if its scope is none of these.
    static func required(by route: Route) -> Scope? {
        if let name = route.scope { return Scope(rawValue: name) ?? .administer }
        guard route.template.hasPrefix("/v1/") else { return nil }
        return route.method == .get ? .readSessions : .writeSessions
    }
}

extension Set<Scope> {
    /// Whether these are enough for what asks for `scope`.
    package func admit(_ scope: Scope) -> Bool { contains(scope) || contains(.administer) }
}
