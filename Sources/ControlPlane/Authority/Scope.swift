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
    /// The paths that are open to everyone: probes, which have no secrets, and what is published.
    static let openTemplates: Set = ["/", "/livez", "/readyz", "/openapi.yaml"]

    /// What a route asks of its callers; nil where it is open to everyone.
    ///
    /// No route is open by oversight: one without a scope of its own asks for one of the two for
    /// sessions, by its method, and one whose scope is none of these for `admin`.
    static func required(by route: Route) -> Scope? {
        if let name = route.scope { return Scope(rawValue: name) ?? .administer }
        // The prefix first, because most requests are for what has it, and a hash costs more.
        if !route.template.hasPrefix("/v1/"), openTemplates.contains(route.template) { return nil }
        return route.method == .get ? .readSessions : .writeSessions
    }
}

extension Set<Scope> {
    /// Whether these are enough for what asks for `scope`.
    package func admit(_ scope: Scope) -> Bool { contains(scope) || contains(.administer) }
}
