/// Reads a label selector from its text, in one pass.
struct LabelSelectorParser {
    private enum Token: Equatable {
        case word(String)
        /// One of `, ( ) ! = == !=`.
        case sign(String)
        case end
    }

    private let bytes: [UInt8]
    private var offset = 0
    private var current = Token.end

    init(_ text: String) {
        bytes = Array(text.utf8)
        advance()
    }

    mutating func requirements() throws(LabelSelectorError) -> [LabelSelector.Requirement] {
        if current == .end { throw .empty }
        var requirements = [try requirement()]
        while current != .end {
            try take(",", else: "a comma, an operator or the end")
            requirements.append(try requirement())
            if requirements.count > LabelSelector.requirementsMax { throw .tooMany }
        }
        return requirements
    }

    private mutating func requirement() throws(LabelSelectorError) -> LabelSelector.Requirement {
        if current == .sign("!") {
            advance()
            return LabelSelector.Requirement(key: try key(), condition: .isAbsent)
        }
        return LabelSelector.Requirement(key: try key(), condition: try condition())
    }

    private mutating func condition() throws(LabelSelectorError)
        -> LabelSelector.Requirement.Condition
    {
        switch current {
        case .sign("="), .sign("=="):
            advance()
            return .isOne(of: [try value()])
        case .sign("!="):
            advance()
            return .isNone(of: [try value()])
        case .word("in"):
            advance()
            return .isOne(of: try values())
        case .word("notin"):
            advance()
            return .isNone(of: try values())
        default: return .exists
        }
    }

    private mutating func key() throws(LabelSelectorError) -> String {
        guard case .word(let word) = current else { throw unexpected("a label's key") }
        guard Label.isKey(word) else { throw .key(word) }
        advance()
        return word
    }

    /// A value; nothing stands for the empty one, as in `env=`.
    private mutating func value() throws(LabelSelectorError) -> String {
        guard case .word(let word) = current else { return "" }
        guard Label.isValue(word) else { throw .value(word) }
        advance()
        return word
    }

    private mutating func values() throws(LabelSelectorError) -> [String] {
        try take("(", else: "an opening parenthesis")
        var values = [try value()]
        while current == .sign(",") {
            advance()
            values.append(try value())
            if values.count > LabelSelector.requirementsMax { throw .tooMany }
        }
        try take(")", else: "a comma or a closing parenthesis")
        return values
    }

    private mutating func take(
        _ sign: String,
        else expected: String
    ) throws(LabelSelectorError) {
        guard current == .sign(sign) else { throw unexpected(expected) }
        advance()
    }

    private func unexpected(_ expected: String) -> LabelSelectorError {
        let found =
            switch current {
            case .word(let word): "\"\(word)\""
            case .sign(let sign): "\"\(sign)\""
            case .end: "its end"
            }
        return .unexpected(expected: expected, found: found)
    }

    // MARK: - Tokens

    private mutating func advance() {
        while offset < bytes.count && isSpace(bytes[offset]) { offset += 1 }
        guard offset < bytes.count else {
            current = .end
            return
        }
        let start = offset
        if isSign(bytes[start]) {
            offset += 1
            let mayDouble = bytes[start] == UInt8(ascii: "=") || bytes[start] == UInt8(ascii: "!")
            if mayDouble && offset < bytes.count && bytes[offset] == UInt8(ascii: "=") {
                offset += 1
            }
            current = .sign(String(decoding: bytes[start..<offset], as: UTF8.self))
            return
        }
        while offset < bytes.count && !isSign(bytes[offset]) && !isSpace(bytes[offset]) {
            offset += 1
        }
        current = .word(String(decoding: bytes[start..<offset], as: UTF8.self))
    }

    private func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }

    private func isSign(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "!"),
            UInt8(ascii: "="):
            true
        default: false
        }
    }
}
