/// A session's name: `^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`, chosen by the client.
package struct SessionName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let description: String

    /// The rule in the words of an error message.
    package static let rule =
        "1 to 63 of a-z, 0-9, '.', '_' and '-', the first and last a letter or digit"

    package init?(_ text: String) {
        guard Self.isPrefix(text), let last = text.utf8.last, Self.isAlphanumeric(last) else {
            return nil
        }
        description = text
    }

    /// Whether a name can begin with this text, or be it but for its last character.
    package static func isPrefix(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first,
            isAlphanumeric(first)
        else { return false }
        return text.utf8.allSatisfy {
            isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
                || $0 == UInt8(ascii: "-")
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    package static func < (left: SessionName, right: SessionName) -> Bool {
        left.description < right.description
    }

    /// A name for a session created without one: the kind's and 8 random hexadecimal digits.
    package static func generated(for kind: SessionKind) -> SessionName {
        let digits = String(UInt32.random(in: .min ... .max), radix: 16)
        let padded = String(repeating: "0", count: 8 - digits.count) + digits
        guard let name = SessionName("\(kind.rawValue)-\(padded)") else {
            preconditionFailure("a kind's name and hexadecimal digits are a valid session name")
        }
        return name
    }
}
