/// Which sessions are meant, by their labels, in the syntax of Kubernetes:
/// `env=prod,role!=test,site in (a,b),zone notin (c),has,!not`. All requirements must hold.
package struct LabelSelector: Hashable, Sendable {
    /// Most bytes of a selector.
    package static let bytesMax = 1024
    /// Most requirements of a selector, and most values of one requirement.
    package static let requirementsMax = 32

    /// One condition on one label.
    package struct Requirement: Hashable, Sendable {
        package enum Condition: Hashable, Sendable {
            /// The label is there and has one of these values: `=`, `==`, `in`.
            case isOne(of: [String])
            /// The label is absent, or has none of these values: `!=`, `notin`.
            case isNone(of: [String])
            /// The label is there: `key`.
            case exists
            /// The label is absent: `!key`.
            case isAbsent
        }

        package let key: String
        package let condition: Condition

        /// Whether these labels meet it.
        package func admits(_ labels: [String: String]) -> Bool {
            let value = labels[key]
            return switch condition {
            case .isOne(let values): value.map(values.contains) ?? false
            case .isNone(let values): !(value.map(values.contains) ?? false)
            case .exists: value != nil
            case .isAbsent: value == nil
            }
        }
    }

    /// At least one.
    package let requirements: [Requirement]

    /// Reads a selector; throws what is wrong with it and what to do.
    package init(_ text: String) throws(LabelSelectorError) {
        guard text.utf8.count <= Self.bytesMax else { throw .tooLong }
        var parser = LabelSelectorParser(text)
        requirements = try parser.requirements()
    }

    /// Whether a session with these labels is meant.
    package func admits(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { $0.admits(labels) }
    }
}

/// Why a text is not a label selector.
package enum LabelSelectorError: Error, Equatable {
    case tooLong
    case tooMany
    case empty
    /// A word that cannot be a label's key.
    case key(String)
    /// A word that cannot be a label's value.
    case value(String)
    /// What was expected, and what stands there.
    case unexpected(expected: String, found: String)
}

extension LabelSelectorError: CustomStringConvertible {
    /// The end of a sentence that begins with the name of the parameter.
    package var description: String {
        switch self {
        case .tooLong: "has more than \(LabelSelector.bytesMax) bytes"
        case .tooMany:
            "has more than \(LabelSelector.requirementsMax) requirements, or values in one"
        case .empty: "is empty; write for example env=prod,role!=test,site in (a,b),has,!not"
        case .key(let word): "has \"\(word)\" where a label's key must be: \(Label.keyRule)"
        case .value(let word): "has \"\(word)\" where a label's value must be: \(Label.valueRule)"
        case .unexpected(let expected, let found): "has \(found) where \(expected) must be"
        }
    }
}

extension LabelSelector: CustomStringConvertible {
    /// The selector as it is written, which reads back as an equal one.
    package var description: String {
        requirements.map(\.description).joined(separator: ",")
    }
}

extension LabelSelector.Requirement: CustomStringConvertible {
    package var description: String {
        switch condition {
        case .isOne(let values) where values.count == 1: "\(key)=\(values[0])"
        case .isNone(let values) where values.count == 1: "\(key)!=\(values[0])"
        case .isOne(let values): "\(key) in (\(values.joined(separator: ",")))"
        case .isNone(let values): "\(key) notin (\(values.joined(separator: ",")))"
        case .exists: key
        case .isAbsent: "!\(key)"
        }
    }
}
