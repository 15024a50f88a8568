import HTTPHosting
import HTTPTypes

/// The value of an `If-Match` or `If-None-Match` field: entity tags, or `*` for any version
/// (RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2).
struct EntityTagCondition: Sendable {
    /// As they were written; nil = any version.
    private let tags: Set<String>?

    /// nil without the field; throws `invalid-header` where it is no list of entity tags.
    init?(_ request: Request, _ name: HTTPField.Name) throws(Problem) {
        guard let field = request.fields[name] else { return nil }
        if field == "*" {
            tags = nil
            return
        }
        guard let tags = Self.tags(Array(field.utf8)) else {
            throw Problem.invalidHeader(
                "\(name) must be * or entity tags in quotes, separated by commas"
            )
        }
        self.tags = tags
    }

    /// nil where the text is no list of entity tags.
    private static func tags(_ text: [UInt8]) -> Set<String>? {
        var tags: Set<String> = []
        var index = 0
        func skipSpaces() {
            while index < text.count && (text[index] == 0x20 || text[index] == 0x09) { index += 1 }
        }
        while true {
            skipSpaces()
            let start = index
            if text[index...].starts(with: "W/".utf8) { index += 2 }
            guard index < text.count, text[index] == UInt8(ascii: "\""),
                let end = text[(index + 1)...].firstIndex(of: UInt8(ascii: "\"")),
                text[(index + 1)..<end].allSatisfy({ (0x21...0x7E).contains($0) })
            else { return nil }
            index = end + 1
            tags.insert(String(decoding: text[start..<index], as: UTF8.self))
            skipSpaces()
            if index == text.count { return tags }
            guard text[index] == UInt8(ascii: ",") else { return nil }
            index += 1
        }
    }

    /// By the strong comparison, in which a weak tag (`W/"…"`) never matches; nil = there is no
    /// version, and nothing matches.
    func matchesStrongly(_ entityTag: String?) -> Bool {
        guard let entityTag else { return false }
        return tags?.contains(entityTag) ?? true
    }

    /// By the weak comparison, in which a weak tag is as good as a strong one.
    func matchesWeakly(_ entityTag: String?) -> Bool {
        guard let entityTag else { return false }
        return tags.map { $0.contains(entityTag) || $0.contains("W/" + entityTag) } ?? true
    }
}
