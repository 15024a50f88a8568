/// A request target (RFC 9112, 3.2) taken apart without losing what was sent.
struct RequestTarget {
    /// The path as sent.
    let path: String

    /// The path's segments, decoded; empty for `/` and `*`.
    let segments: [String]

    /// The query's pairs, decoded.
    let query: [QueryItem]

    /// The host and port of an absolute-form target, which stands in for `Host` (RFC 9112, 3.2.2).
    let authority: String?

    /// Reads origin form, absolute form and `*`.
    init(_ target: String) throws(Problem) {
        let bytes = target.utf8
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
            throw .badFraming("The request target has a character that must be percent-encoded.")
        }
        var rest = target[...].utf8
        if rest.first == UInt8(ascii: "/") {
            authority = nil
        } else if target == "*" {
            (path, segments, query, authority) = ("*", [], [], nil)
            return
        } else if let schemeLength = Self.schemeLength(target) {
            rest = rest.dropFirst(schemeLength)
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
            authority = String(Substring(rest[..<(end ?? rest.endIndex)]))
            rest = rest[(end ?? rest.endIndex)...]
        } else {
            throw .badFraming("The request target must begin with / or http://.")
        }

        let mark = rest.firstIndex(of: UInt8(ascii: "?"))
        let rawPath = rest[..<(mark ?? rest.endIndex)]
        path = rawPath.isEmpty ? "/" : String(Substring(rawPath))
        var segments: [String] = []
        if rawPath.count > 1 {
            for raw in rawPath.dropFirst().split(
                separator: UInt8(ascii: "/"),
                omittingEmptySubsequences: false
            ) {
                guard let segment = percentDecoded(raw, plusIsSpace: false) else {
                    throw .badFraming("The path is not valid percent-encoded UTF-8 text.")
                }
                segments.append(segment)
            }
        }
        self.segments = segments
        guard let mark else {
            query = []
            return
        }
        query = try Self.queryItems(rest[rest.index(after: mark)...])
    }

    /// Length of `http://` or `https://` at the beginning, in any case; nil for anything else.
    private static func schemeLength(_ target: String) -> Int? {
        let head = target.prefix(8).lowercased()
        return head.hasPrefix("http://") ? 7 : head == "https://" ? 8 : nil
    }

    private static func queryItems(_ query: Substring.UTF8View) throws(Problem) -> [QueryItem] {
        var items: [QueryItem] = []
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard let name = percentDecoded(pair[..<equals], plusIsSpace: true),
                let value = percentDecoded(pair[equals...].dropFirst(), plusIsSpace: true)
            else {
                throw Problem(
                    status: .badRequest,
                    code: "invalid-query",
                    title: "Invalid query",
                    detail: "The query is not valid percent-encoded UTF-8 text."
                )
            }
            items.append(QueryItem(name: name, value: value))
        }
        return items
    }
}

/// Decodes `%XX`; nil for a broken escape, an encoded control byte, or bytes that are not UTF-8.
private func percentDecoded(_ raw: Substring.UTF8View, plusIsSpace: Bool) -> String? {
    let percent = UInt8(ascii: "%")
    let plus = UInt8(ascii: "+")
    guard raw.contains(where: { $0 == percent || (plusIsSpace && $0 == plus) }) else {
        return String(Substring(raw))
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    var iterator = raw.makeIterator()
    while let byte = iterator.next() {
        if byte == percent {
            guard let high = hexValue(iterator.next()), let low = hexValue(iterator.next()) else {
                return nil
            }
            let decoded = high << 4 | low
            guard decoded >= 0x20 && decoded != 0x7F else { return nil }
            bytes.append(decoded)
        } else {
            bytes.append(plusIsSpace && byte == plus ? UInt8(ascii: " ") : byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

private func hexValue(_ byte: UInt8?) -> UInt8? {
    switch byte {
    case .some(let digit) where (0x30...0x39).contains(digit): digit - 0x30
    case .some(let letter) where (0x41...0x46).contains(letter): letter - 0x41 + 10
    case .some(let letter) where (0x61...0x66).contains(letter): letter - 0x61 + 10
    default: nil
    }
}
