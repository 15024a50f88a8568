import Foundation

/// A JSON value before anyone has said what it means.
enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Reads a request's body; throws `invalid-json`.
    init(parsing bytes: [UInt8]) throws(Problem) {
        do {
            self = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
        } catch {
            let cause = (error as? DecodingError).flatMap(Self.cause(of:))
            throw .invalidJSON("the body is not JSON: \(cause ?? "it cannot be read")")
        }
    }

    private static func cause(of error: DecodingError) -> String? {
        guard case .dataCorrupted(let context) = error else { return nil }
        let detail =
            (context.underlyingError as? NSError)?.userInfo[NSDebugDescriptionErrorKey] as? String
        return detail ?? context.debugDescription
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

extension JSONValue: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .string(text)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let flag = try? container.decode(Bool.self) {
            self = .boolean(flag)
        } else if container.decodeNil() {
            self = .null
        } else if let elements = try? container.decode([JSONValue].self) {
            self = .array(elements)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }
}
