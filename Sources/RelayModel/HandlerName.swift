/// The name under which the operator declared a handler: as a session's name is.
package struct HandlerName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let description: String

    /// The rule in the words of an error message.
    package static let rule = SessionName.rule

    package init?(_ text: String) {
        guard let name = SessionName(text) else { return nil }
        description = name.description
    }

    package static func < (left: HandlerName, right: HandlerName) -> Bool {
        left.description < right.description
    }
}
