import HTTPHosting
import HTTPTypes
import RelayModel

// /v1/events

extension API {
    var eventRoutes: [Route] {
        [
            Route(.get, "/v1/events", scope: Scope.readSessions.rawValue) {
                [self] request, _ throws(Problem) in try watchEvents(request)
            }
        ]
    }

    private func watchEvents(_ request: Request) throws(Problem) -> Answer {
        let query = try EventQuery(request)
        return try stream(request) { [eventWatches] stream in
            eventWatches.begin(stream, query, reaches: { request.reaches($0) })
        }
    }

    /// Answers a request with a stream of events, which `begin` is given on the control thread.
    func stream(
        _ request: Request,
        _ begin: @escaping @Sendable (OpenStream) -> Void
    ) throws(Problem) -> Answer {
        if draining { throw .draining }
        try openStreams.requireRoom()
        let head = Response(
            status: .ok,
            fields: [.contentType: "text/event-stream", .cacheControl: "no-store"]
        )
        return .stream(head) { [openStreams, control] stream in
            guard let opened = openStreams.add(stream, for: request) else { return }
            if !control.submit({ begin(opened) }) { opened.abort() }
        }
    }
}
