import HTTPTypes

/// A route's template, taken apart.
struct PathPattern: Sendable {
    /// One segment of a template.
    enum Segment: Sendable, Equatable {
        /// Exactly this text.
        case literal(String)

        /// Any non-empty text.
        case parameter(String)
    }

    /// The template's segments; none for `/`.
    let segments: [Segment]

    /// Reads a template such as `/v1/sessions/{name}`.
    init(_ template: String) {
        guard template != "/" else {
            segments = []
            return
        }
        segments = template.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            .map { text in
                text.hasPrefix("{") && text.hasSuffix("}")
                    ? .parameter(String(text.dropFirst().dropLast()))
                    : .literal(String(text))
            }
    }

    /// The names of the parameters, in order.
    var parameterNames: [String] {
        segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }

    /// Whether `path`, which has as many segments, matches.
    func matches(_ path: [String]) -> Bool {
        for (segment, text) in zip(segments, path) {
            switch segment {
            case .literal(let literal): if literal != text { return false }
            case .parameter: if text.isEmpty { return false }
            }
        }
        return true
    }

    /// The texts of `path` in the place of the parameters, in order.
    func values(in path: [String]) -> [String] {
        zip(segments, path).compactMap { if case .parameter = $0 { $1 } else { nil } }
    }

    /// Whether both match the same paths, however the parameters are called.
    func hasShape(of other: PathPattern) -> Bool {
        segments.map(Self.literal) == other.segments.map(Self.literal)
    }

    /// Whether this one is tried first: at the first difference it is the literal one.
    func precedes(_ other: PathPattern) -> Bool {
        for (mine, others) in zip(segments, other.segments) {
            let (mine, others) = (Self.literal(mine), Self.literal(others))
            if (mine == nil) != (others == nil) { return mine != nil }
        }
        return false
    }

    private static func literal(_ segment: Segment) -> String? {
        if case .literal(let text) = segment { text } else { nil }
    }
}

/// One path with all its methods.
struct Resource: Sendable {
    /// The path.
    let pattern: PathPattern

    private var methods: [(method: HTTPRequest.Method, index: Int, parameterNames: [String])]

    /// The methods answered, as the field `Allow` lists them.
    private(set) var allow: String

    /// A resource that so far has one method.
    init(_ route: Route, _ index: Int, _ pattern: PathPattern) {
        self.pattern = pattern
        methods = []
        allow = ""
        add(route, index, pattern)
    }

    /// Adds the method of `route`, which stands at `index` in the table.
    mutating func add(_ route: Route, _ index: Int, _ pattern: PathPattern) {
        precondition(
            !methods.contains { $0.method == route.method },
            "Two routes for \(route.method.rawValue) \(route.template)."
        )
        methods.append((route.method, index, pattern.parameterNames))
        let names = methods.map(\.method.rawValue)
        allow = (names + (names.contains("GET") ? ["HEAD"] : [])).sorted()
            .joined(separator: ", ")
    }

    /// The route for the method of `request`, whose path matches; nil if there is none.
    func match(_ request: Request) -> RouteMatch? {
        let method = request.method == .head ? .get : request.method
        for (candidate, index, parameterNames) in methods where candidate == method {
            let values = parameterNames.isEmpty ? [] : pattern.values(in: request.segments)
            return .found(index, PathParameters(names: parameterNames, values: values))
        }
        return nil
    }
}
