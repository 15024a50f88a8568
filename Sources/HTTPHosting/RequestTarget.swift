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
        let bytes = target.utf8.span
        for index in bytes.indices {
            let byte = bytes[index]
            if byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "#") {
                throw .badFraming("The target has a character that must be percent-encoded.")
            }
        }
        var start = 0
        if bytes.first == UInt8(ascii: "/") {
            authority = nil
        } else if target == "*" {
            (path, segments, query, authority) = ("*", [], [], nil)
            return
        } else if let schemeLength = Self.schemeLength(target) {
            let slash = bytes.firstIndex(of: UInt8(ascii: "/"), from: schemeLength)
            start = min(slash, bytes.firstIndex(of: UInt8(ascii: "?"), from: schemeLength))
            authority = bytes.text(schemeLength..<start)
        } else {
            throw .badFraming("The request target must begin with / or http://.")
        }

        let end = bytes.firstIndex(of: UInt8(ascii: "?"), from: start)
        let isWhole = start == 0 && end == bytes.count
        path = start == end ? "/" : isWhole ? target : bytes.text(start..<end)
        segments = try Self.segments(bytes.extracting(start..<end))
        query =
            end == bytes.count ? [] : try Self.queryItems(bytes.extracting((end + 1)..<bytes.count))
    }

    /// Length of `http://` or `https://` at the beginning, in any case; nil for anything else.
    private static func schemeLength(_ target: String) -> Int? {
        let head = target.prefix(8).lowercased()
        return head.hasPrefix("http://") ? 7 : head == "https://" ? 8 : nil
    }

    private static func segments(_ path: Span<UInt8>) throws(Problem) -> [String] {
        var segments: [String] = []
        guard path.count > 1 else { return segments }
        segments.reserveCapacity(4)
        var start = 1
        while start <= path.count {
            let end = path.firstIndex(of: UInt8(ascii: "/"), from: start)
            guard let segment = percentDecoded(path.extracting(start..<end), plusIsSpace: false)
            else { throw .badFraming("The path is not valid percent-encoded UTF-8 text.") }
            segments.append(segment)
            start = end + 1
        }
        return segments
    }

    private static func queryItems(_ query: Span<UInt8>) throws(Problem) -> [QueryItem] {
        var items: [QueryItem] = []
        var start = 0
        while start < query.count {
            let end = query.firstIndex(of: UInt8(ascii: "&"), from: start)
            let pair = query.extracting(start..<end)
            start = end + 1
            if pair.isEmpty { continue }
            let equals = pair.firstIndex(of: UInt8(ascii: "="), from: 0)
            let value = pair.extracting(min(equals + 1, pair.count)..<pair.count)
            guard let name = percentDecoded(pair.extracting(0..<equals), plusIsSpace: true),
                let value = percentDecoded(value, plusIsSpace: true)
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
private func percentDecoded(_ raw: Span<UInt8>, plusIsSpace: Bool) -> String? {
    let percent = UInt8(ascii: "%")
    let plus = UInt8(ascii: "+")
    let hasEscapes = raw.firstIndex(of: percent, from: 0) < raw.count
    let hasSpaces = plusIsSpace && raw.firstIndex(of: plus, from: 0) < raw.count
    guard hasEscapes || hasSpaces else { return raw.text(0..<raw.count) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    var index = 0
    while index < raw.count {
        let byte = raw[index]
        index += 1
        if byte == percent {
            guard index + 2 <= raw.count, let high = hexValue(raw[index]),
                let low = hexValue(raw[index + 1])
            else { return nil }
            let decoded = high << 4 | low
            guard decoded >= 0x20 && decoded != 0x7F else { return nil }
            bytes.append(decoded)
            index += 2
        } else {
            bytes.append(plusIsSpace && byte == plus ? UInt8(ascii: " ") : byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

private func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}
