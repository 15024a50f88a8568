import Foundation

/// Any JSON value (RFC 8259), as far as a configuration file needs it.
enum JSONValue: Decodable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// The words of a setting's value; nil if the type is another.
    func words(as form: Setting.Form) -> [String]? {
        switch (form, self) {
        case (.text, .string(let word)): return [word]
        case (.integer, .integer(let number)): return ["\(number)"]
        case (.list, .array(let values)):
            let words = values.compactMap { value in
                if case .string(let word) = value { word } else { nil }
            }
            return words.count == values.count ? words : nil
        default: return nil
        }
    }
}

extension JSONValue: CustomStringConvertible {
    /// The value much as it was written.
    var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): "\"\(value)\""
        case .array(let values): "[" + values.map(\.description).joined(separator: ", ") + "]"
        case .object: "{…}"
        }
    }
}
