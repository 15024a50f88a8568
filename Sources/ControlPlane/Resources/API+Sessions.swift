import HTTPHosting
import HTTPTypes
import RelayModel

// /v1/sessions and /v1/sessions/{name}: reading. Writing is in API+Writing.swift.

extension API {
    var sessionRoutes: [Route] {
        [
            Route(.get, "/v1/sessions") { [self] request, _ throws(Problem) in
                .now(try listSessions(request))
            },
            Route(.get, "/v1/sessions/{name}") { [self] request, parameters throws(Problem) in
                .now(try getSession(request, parameters))
            },
            Route(.get, "/v1/sessions/{name}/counters") {
                [self] request, parameters throws(Problem) in
                .now(try getCounters(request, parameters))
            },
        ]
    }

    private static let pageSizeDefault = 100
    private static let pageSizeMax = 1000

    private func listSessions(_ request: Request) throws(Problem) -> Response {
        let query = try QueryReader(
            request,
            allowed: ["limit", "pageToken", "kind", "state", "selector", "namePrefix", "include"]
        )
        let limit = try query.integer("limit", in: 1...Self.pageSizeMax) ?? Self.pageSizeDefault
        let includesCounters = try includesCounters(query)
        let filter = try SessionListFilter(query)
        let token = try query.word("pageToken", ["a nextPageToken"], SessionName.init)

        // Before the sessions, so that a watch from there misses nothing.
        let revision = registry.events.revision
        let directory = registry.snapshot()
        let start = token.map { directory.index(of: $0) } ?? 0
        var total = 0
        // About what they take, since growing copies.
        let bytes = includesCounters ? 1600 : 640
        var writer = JSONWriter(capacity: min(directory.sessions.count, limit) * bytes + 256)
        var shown = 0
        var lastShown: SessionName?
        var hasMore = false
        writer.beginObject()
        writer.key("items")
        writer.beginArray()
        let reach = request.reach
        for (index, session) in directory.sessions.enumerated() {
            if let reach, !session.isChosen(by: reach) { continue }
            guard filter.admits(session) else { continue }
            let isBefore = index < start || session.name == token
            let isShown = !isBefore && shown < limit
            // Read once, so that an item shows the state it was chosen for, and not for nothing:
            // most sessions may only be counted.
            let status = isShown || filter.asksForState ? session.status : nil
            if let status, !filter.admits(status) { continue }
            total += 1
            if isBefore { continue }
            guard isShown, let status else {
                hasMore = true
                continue
            }
            writer.session(session, status, includesCounters: includesCounters)
            shown += 1
            lastShown = session.name
        }
        writer.endArray()
        writer.member("total", total)
        writer.member("revision", revision.description)
        if hasMore, let lastShown { writer.member("nextPageToken", lastShown.description) }
        writer.endObject()
        return .json(writer.content())
    }

    private func includesCounters(_ query: QueryReader) throws(Problem) -> Bool {
        try query.word("include", ["counters"]) { $0 == "counters" ? true : nil } ?? false
    }

    private func getSession(
        _ request: Request,
        _ parameters: PathParameters
    ) throws(Problem) -> Response {
        let query = try QueryReader(request, allowed: ["include"])
        let includesCounters = try includesCounters(query)
        return Self.response(
            try session(request, parameters),
            includesCounters: includesCounters
        )
    }

    static func response(
        _ session: ManagedSession,
        status: HTTPResponse.Status = .ok,
        includesCounters: Bool = false
    ) -> Response {
        var response = Response.json(status: status) { writer in
            writer.session(session, session.status, includesCounters: includesCounters)
        }
        response.fields[.eTag] = session.entityTag
        if status == .created { response.fields[.location] = "/v1/sessions/\(session.name)" }
        return response
    }

    private func getCounters(
        _ request: Request,
        _ parameters: PathParameters
    ) throws(Problem) -> Response {
        _ = try QueryReader(request, allowed: [])
        let session = try session(request, parameters)
        return .json { $0.counters(of: session) }
    }
}

/// Which sessions a list shows.
private struct SessionListFilter {
    private let kind: SessionKind?
    private let state: SessionState?
    private let selector: LabelSelector?
    private let namePrefix: String?

    init(_ query: QueryReader) throws(Problem) {
        kind = try query.word(
            "kind",
            SessionKind.allCases.map(\.rawValue),
            SessionKind.init(rawValue:)
        )
        state = try query.word(
            "state",
            SessionState.allCases.map(\.rawValue),
            SessionState.init(rawValue:)
        )
        selector = try query.selector("selector")
        namePrefix = try query.word("namePrefix", ["the beginnings of names: \(SessionName.rule)"])
        {
            SessionName.isPrefix($0) ? $0 : nil
        }
    }

    /// Whether it must be known how a session fares.
    var asksForState: Bool { state != nil }

    func admits(_ status: SessionStatus) -> Bool { state.map { status.state == $0 } ?? true }

    /// Whatever its state.
    func admits(_ session: ManagedSession) -> Bool {
        if let kind, session.kind != kind { return false }
        if let namePrefix, !session.name.description.hasPrefix(namePrefix) { return false }
        return selector.map(session.isChosen) ?? true
    }
}
