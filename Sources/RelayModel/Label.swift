/// What labels may be called and say.
package enum Label {
    /// The rule for keys in the words of an error message.
    package static let keyRule =
        "a key has 1 to \(DefinitionLimits.metadataKeyBytesMax) letters, digits, '.', '_', '/' "
        + "and '-', the first and last a letter or digit"

    /// The rule for values in the words of an error message.
    package static let valueRule =
        "at most \(DefinitionLimits.labelValueBytesMax) of a-z, A-Z, 0-9, '.', '_' and '-'"

    /// Whether a label or an annotation may have this key.
    package static func isKey(_ text: some StringProtocol) -> Bool {
        let bytes = text.utf8
        guard (1...DefinitionLimits.metadataKeyBytesMax).contains(bytes.count),
            let first = bytes.first, let last = bytes.reversed().first,
            isLetterOrDigit(first), isLetterOrDigit(last)
        else { return false }
        return bytes.allSatisfy { isLetterOrDigit($0) || isOne(of: "._/-", $0) }
    }

    /// Whether a label may have this value; it may be empty.
    package static func isValue(_ text: some StringProtocol) -> Bool {
        text.utf8.count <= DefinitionLimits.labelValueBytesMax
            && text.utf8.allSatisfy { isLetterOrDigit($0) || isOne(of: "._-", $0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isOne(of characters: StaticString, _ byte: UInt8) -> Bool {
        "\(characters)".utf8.contains(byte)
    }
}
