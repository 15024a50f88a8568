import ControlPlane

extension JSONValue {
    /// The words of a setting's value; nil if the type is another.
    func words(as form: Setting.Form) -> [String]? {
        switch (form, self) {
        case (.text, .string(let word)): return [word]
        case (.integer, .number(let number)):
            guard let integer = Int(exactly: number) else { return nil }
            return ["\(integer)"]
        case (.boolean, .boolean(let flag)): return ["\(flag)"]
        case (.list, .array(let values)):
            let words = values.compactMap { value in
                if case .string(let word) = value { word } else { nil }
            }
            return words.count == values.count ? words : nil
        default: return nil
        }
    }

    /// The value much as it was written.
    var text: String {
        switch self {
        case .null: "null"
        case .boolean(let flag): "\(flag)"
        case .number(let number): Int(exactly: number).map { "\($0)" } ?? "\(number)"
        case .string(let text): "\"\(text)\""
        case .array(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .object: "{…}"
        }
    }
}

extension JSONParser.Failure {
    /// What is wrong, and where in the document's lines it is.
    func sentence(in document: [UInt8]) -> String {
        let before = document.prefix(offset)
        let lineFeed = UInt8(ascii: "\n")
        let line = before.count { $0 == lineFeed } + 1
        let column = before.count - (before.lastIndex(of: lineFeed).map { $0 + 1 } ?? 0) + 1
        return "is not JSON: \(detail), in line \(line), column \(column)"
    }
}
