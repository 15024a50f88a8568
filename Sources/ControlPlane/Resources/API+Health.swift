import HTTPHosting

// /livez and /readyz

extension API {
    var healthRoutes: [Route] {
        [
            Route(.get, "/livez") { request, _ throws(Problem) in
                _ = try QueryReader(request, allowed: [])
                return .now(Self.healthy)
            },
            Route(.get, "/readyz") { [self] request, _ throws(Problem) in
                _ = try QueryReader(request, allowed: [])
                if draining { throw .draining }
                return .now(Self.healthy)
            },
        ]
    }

    private static let healthy = Response.json { writer in
        writer.beginObject()
        writer.member("status", "ok")
        writer.endObject()
    }
}
