/// What the field `Authorization` of a request says (RFC 6750, 2.1).
enum BearerField: Equatable {
    /// Nothing, or nothing of this scheme.
    case absent
    /// Something of this scheme that cannot be a token.
    case malformed
    case token(String)

    /// Most bytes of a token; ours have 64.
    static let tokenBytesMax = 512

    /// Reads the field's value; nil where there is no field.
    init(_ value: String?) {
        guard let value else {
            self = .absent
            return
        }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.first?.lowercased() == "bearer" else {
            self = .absent
            return
        }
        let token = parts.count == 2 ? parts[1].drop { $0 == " " } : ""
        self = Self.isToken(token) ? .token(String(token)) : .malformed
    }

    /// Whether it is a b64token.
    private static func isToken(_ text: Substring) -> Bool {
        let padding = text.utf8.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        return (1...tokenBytesMax).contains(text.utf8.count) && padding < text.utf8.count
            && text.utf8.dropLast(padding).allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
                    UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }
}
