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
        try Self.refuseLeniency(bytes)
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

    /// Refuses what `JSONDecoder` takes although RFC 8259 does not: UTF-16 and UTF-32, whose every
    /// document has a zero byte, and a comma after the last element or member.
    private static func refuseLeniency(_ bytes: [UInt8]) throws(Problem) {
        var isInString = false
        var isEscaped = false
        var isAfterComma = false
        for byte in bytes {
            if byte == 0 { throw .invalidJSON("the body is not JSON in UTF-8 (RFC 8259)") }
            if isInString {
                isInString = isEscaped || byte != UInt8(ascii: "\"")
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
                continue
            }
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                continue
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if isAfterComma {
                    throw .invalidJSON("the body is not JSON: a comma has nothing after it")
                }
            default: isInString = byte == UInt8(ascii: "\"")
            }
            isAfterComma = byte == UInt8(ascii: ",")
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
