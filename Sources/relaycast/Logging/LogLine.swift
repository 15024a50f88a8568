import Foundation
import Logging

/// One event of the log, ready to be rendered. Whatever the text holds, it stays one line.
struct LogLine {
    let time: Date
    let level: Logger.Level
    let message: String
    let metadata: Logger.Metadata

    /// The line with its line feed; metadata in the order of its keys.
    func rendered(as format: LogFormat) -> String {
        let sorted = metadata.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let pairs = sorted.map { " \($0.key)=\(Self.text($0.value))" }.joined()
            let level = level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
            return "\(timestamp) \(level) \(Self.escaped(message))\(pairs)\n"
        case .json:
            let pairs = sorted.map { ",\(Self.quoted($0.key)):\(Self.json($0.value))" }.joined()
            return #"{"time":"\#(timestamp)","level":"\#(level.rawValue)","message":"#
                + "\(Self.quoted(message))\(pairs)}\n"
        }
    }

    /// RFC 3339 in UTC with milliseconds.
    private var timestamp: String {
        time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// A value in a text line: quoted where it would not read as one word.
    private static func text(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string, .stringConvertible:
            let text = value.description
            let isWord =
                !text.isEmpty
                && text.unicodeScalars.allSatisfy {
                    $0.value > 0x20 && $0.value != 0x7F && $0 != "\"" && $0 != "="
                }
            return isWord ? escaped(text) : quoted(text)
        case .array, .dictionary:
            return json(value)
        }
    }

    /// A value as JSON; what is no array or dictionary is a string.
    private static func json(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): quoted(text)
        case .stringConvertible(let convertible): quoted(convertible.description)
        case .array(let values): "[" + values.map(json).joined(separator: ",") + "]"
        case .dictionary(let pairs):
            "{"
                + pairs.sorted { $0.key < $1.key }
                .map { "\(quoted($0.key)):\(json($0.value))" }
                .joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        "\""
            + escaped(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))
            + "\""
    }

    /// The text with control characters, and the two separators that end a line in JavaScript, as
    /// `\uXXXX` (RFC 8259, 7): nothing a client sends can forge a line or steer a terminal.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default:
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
