import HTTPTypes

/// Finds the handler of a request, and refuses what no handler wants.
package struct RouteTable: Sendable {
    /// Every route, in the order given.
    package let routes: [Route]

    /// The resources, by their number of segments; literal segments before parameters.
    private let resources: [[Resource]]

    /// A table of `routes`. No two may have the same method and the same shape of path.
    package init(_ routes: [Route]) {
        self.routes = routes
        let patterns = routes.map { PathPattern($0.template) }
        let segmentsMax = patterns.map(\.segments.count).max() ?? 0
        var resources = [[Resource]](repeating: [], count: segmentsMax + 1)
        for (index, pattern) in patterns.enumerated() {
            let (route, count) = (routes[index], pattern.segments.count)
            let same = resources[count].firstIndex { $0.pattern.hasShape(of: pattern) }
            if let same {
                resources[count][same].add(route, index, pattern)
            } else {
                resources[count].append(Resource(route, index, pattern))
                resources[count].sort { $0.pattern.precedes($1.pattern) }
            }
        }
        self.resources = resources
    }

    /// Answers `request`: from a route's handler, or with 404 `no-such-route`, 405
    /// `method-not-allowed` with `Allow`, 415 `unsupported-media-type`, or 501 `not-implemented`
    /// for a method that HTTP does not know.
    ///
    /// `HEAD` gets the answer of `GET`, body included; whoever sends it leaves the body out.
    package func answer(_ request: Request) -> Answer {
        answer(request, match(request))
    }

    /// Answers `request`, for which `match` was found before its body had arrived.
    func answer(_ request: Request, _ match: RouteMatch) -> Answer {
        do throws(Problem) {
            switch match {
            case .refused(let problem): throw problem
            case .found(let index, let parameters):
                let route = routes[index]
                try checkMediaType(request, route)
                return try route.handler(request, parameters)
            }
        } catch {
            return .now(error.response(requestID: request.id))
        }
    }

    /// The methods that the path has, as in `Allow`; nil where there is nothing.
    func allow(_ request: Request) -> String? { resource(request)?.allow }

    /// Looks at method and path only.
    func match(_ request: Request) -> RouteMatch {
        if let resource = resource(request) {
            if let match = resource.match(request) { return match }
            return .refused(
                isKnown(request.method)
                    ? .methodNotAllowed(request, resource.allow) : .unknownMethod(request)
            )
        }
        guard isKnown(request.method) else { return .refused(.unknownMethod(request)) }
        return .refused(
            Problem(
                status: .notFound,
                code: "no-such-route",
                title: "No such route",
                detail: "There is nothing at \(request.path)."
            )
        )
    }

    private func resource(_ request: Request) -> Resource? {
        let count = request.segments.count
        guard count < resources.count, request.path != "*" else { return nil }
        return resources[count].first { $0.pattern.matches(request.segments) }
    }

    private func checkMediaType(_ request: Request, _ route: Route) throws(Problem) {
        guard !route.consumes.isEmpty else { return }
        let field = request.fields[.contentType]
        if field == nil && request.body.isEmpty { return }
        if let coding = request.fields[.contentEncoding], coding.lowercased() != "identity" {
            throw unsupportedMediaType("The body must not be compressed.")
        }
        if route.consumes.contains(mediaType(field ?? "")) { return }
        let accepted = route.consumes.joined(separator: " or ")
        throw unsupportedMediaType("Content-Type must be \(accepted).")
    }

    private func unsupportedMediaType(_ detail: String) -> Problem {
        Problem(
            status: .unsupportedMediaType,
            code: "unsupported-media-type",
            title: "Unsupported media type",
            detail: detail
        )
    }
}

/// What the table says of a request's method and path.
enum RouteMatch {
    /// The route at this place in the table, with these parameters. Not the route itself: a copy
    /// of it costs every request a dozen reference counts.
    case found(Int, PathParameters)

    /// No route: 404, 405 or 501.
    case refused(Problem)
}

/// The media type of a `Content-Type` without its parameters, in lower case.
private func mediaType(_ field: String) -> String {
    let end = field.firstIndex { $0 == ";" || $0 == " " || $0 == "\t" } ?? field.endIndex
    return field[..<end].lowercased()
}

/// Whether RFC 9110, 9.1, RFC 5789 or the draft of QUERY has the method; methods are
/// case-sensitive.
private func isKnown(_ method: HTTPRequest.Method) -> Bool {
    switch method {
    case .get, .head, .post, .put, .patch, .delete, .options, .trace, .connect: true
    default: method.rawValue == "QUERY"
    }
}

extension Problem {
    fileprivate static func unknownMethod(_ request: Request) -> Problem {
        .notImplemented("The method \(request.method.rawValue) is unknown.")
    }

    fileprivate static func methodNotAllowed(_ request: Request, _ allow: String) -> Problem {
        Problem(
            status: .methodNotAllowed,
            code: "method-not-allowed",
            title: "Method not allowed",
            detail: "\(request.path) allows \(allow).",
            fields: [.allow: allow]
        )
    }
}
