import HTTPHosting

/// A JSON value before anyone has said what it means.
package enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Reads a request's body; throws `invalid-json`.
    init(parsing bytes: [UInt8]) throws(Problem) {
        do {
            self = try JSONParser.parse(bytes)
        } catch {
            throw .invalidJSON("the body is not JSON: \(error.detail), at byte \(error.offset)")
        }
    }

    /// The word for the value's type in an error message.
    var typeName: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
