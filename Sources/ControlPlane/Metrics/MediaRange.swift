/// One alternative of an `Accept` field (RFC 9110, 12.5.1).
struct MediaRange: Sendable, Equatable {
    /// The type in lower case, or `*`.
    let type: String

    /// The subtype in lower case, or `*`.
    let subtype: String

    /// The parameter `version`.
    let version: String?

    /// The weight `q` in thousandths, 0–1000.
    let weight: Int

    /// The alternatives of a field, in its order; what is ill-formed is left out.
    static func list(_ field: String) -> [MediaRange] {
        split(field[...], at: ",").compactMap(MediaRange.init)
    }

    private init?(_ text: Substring) {
        let parts = Self.split(text, at: ";").map(Self.trimmed)
        let names = parts[0].lowercased().split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 2, !names[0].isEmpty, !names[1].isEmpty else { return nil }
        type = String(names[0])
        subtype = String(names[1])
        var version: String?
        var weight = 1000
        for parameter in parts.dropFirst() {
            guard let equals = parameter.firstIndex(of: "=") else { continue }
            let value = Self.unquoted(Self.trimmed(parameter[parameter.index(after: equals)...]))
            switch Self.trimmed(parameter[..<equals]).lowercased() {
            case "version": version = String(value)
            case "q":
                guard let thousandths = Self.thousandths(value) else { return nil }
                weight = thousandths
            default: break
            }
        }
        self.version = version
        self.weight = weight
    }

    /// The pieces between separators that stand in no quoted string; at least one.
    private static func split(_ text: Substring, at separator: Unicode.Scalar) -> [Substring] {
        var pieces: [Substring] = []
        var start = text.startIndex
        var isQuoted = false
        var isEscaped = false
        let scalars = text.unicodeScalars
        for index in scalars.indices {
            let scalar = scalars[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted && scalar == "\\" {
                isEscaped = true
            } else if scalar == "\"" {
                isQuoted.toggle()
            } else if scalar == separator && !isQuoted {
                pieces.append(text[start..<index])
                start = scalars.index(after: index)
            }
        }
        pieces.append(text[start...])
        return pieces
    }

    private static func trimmed(_ text: Substring) -> Substring {
        func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text
    }

    private static func unquoted(_ text: Substring) -> Substring {
        text.count >= 2 && text.first == "\"" && text.last == "\""
            ? text.dropFirst().dropLast() : text
    }

    /// A weight: 0 to 1 with at most three decimals (RFC 9110, 12.4.2).
    private static func thousandths(_ text: Substring) -> Int? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let decimals = parts.count == 2 ? parts[1] : ""
        guard parts[0] == "0" || parts[0] == "1", decimals.utf8.count <= 3,
            decimals.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
        else { return nil }
        let padded = decimals + String(repeating: "0", count: 3 - decimals.utf8.count)
        guard let fraction = Int(padded) else { return nil }
        let weight = (parts[0] == "1" ? 1000 : 0) + fraction
        return weight <= 1000 ? weight : nil
    }
}
