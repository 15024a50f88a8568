import HTTPHosting
import HTTPTypes

/// The condition of an `If-Match` field: which versions of a resource the client means
/// (RFC 9110 section 13.1.1).
struct EntityTagCondition: Sendable {
    /// nil = any version.
    private let tags: Set<String>?

    /// nil without the field.
    init?(ifMatch request: Request) {
        guard let field = request.fields[.ifMatch] else { return nil }
        let tags = field.split(separator: ",").map { tag in
            String(tag.drop(while: Self.isSpace).reversed().drop(while: Self.isSpace).reversed())
        }
        self.tags = tags == ["*"] ? nil : Set(tags)
    }

    private static func isSpace(_ character: Character) -> Bool {
        character == " " || character == "\t"
    }

    /// By the strong comparison: a weak tag (`W/"…"`) never matches.
    func admits(_ entityTag: String) -> Bool { tags?.contains(entityTag) ?? true }
}
