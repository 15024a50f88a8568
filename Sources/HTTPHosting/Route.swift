import HTTPTypes

/// One method of one resource.
///
/// A reference, because every request is asked for with one.
package final class Route: Sendable {
    /// Answers one request. Runs on the listener's thread and never blocks.
    package typealias Handler =
        @Sendable (Request, PathParameters) throws(Problem) -> Answer

    /// The method answered; a route for `GET` also answers `HEAD`.
    package let method: HTTPRequest.Method

    /// The path, where `{name}` stands for one non-empty segment: `/v1/sessions/{name}/packets`.
    package let template: String

    /// The media types accepted for the body, without parameters and in lower case; others are
    /// 415. Empty: a body is counted and discarded.
    package let consumes: [String]

    /// Most bytes of body, where it differs from the listener's limit.
    package let bodyBytesMax: Int?

    /// What the listener's gate asks of the caller, such as `sessions:read`; nil where everyone
    /// may.
    package let scope: String?

    /// Answers a request.
    package let handler: Handler

    /// A route; see the properties.
    package init(
        _ method: HTTPRequest.Method,
        _ template: String,
        consumes: [String] = [],
        bodyBytesMax: Int? = nil,
        scope: String? = nil,
        handler: @escaping Handler
    ) {
        precondition(template.hasPrefix("/"), "A route's template begins with a slash.")
        self.method = method
        self.template = template
        self.consumes = consumes
        self.bodyBytesMax = bodyBytesMax
        self.scope = scope
        self.handler = handler
    }
}

/// What stood in the place of a template's `{name}`s, percent-decoded.
package struct PathParameters: Sendable {
    private let names: [String]
    private let values: [String]

    /// Parameters made by hand, for tests that call a handler directly.
    package init(_ pairs: KeyValuePairs<String, String> = [:]) {
        names = pairs.map(\.key)
        values = pairs.map(\.value)
    }

    init(names: [String], values: [String]) {
        self.names = names
        self.values = values
    }

    /// The segment that stood for `{name}`, which the route's template must have.
    package subscript(name: String) -> String {
        guard let index = names.firstIndex(of: name) else {
            preconditionFailure("The route's template has no {\(name)}.")
        }
        return values[index]
    }
}
