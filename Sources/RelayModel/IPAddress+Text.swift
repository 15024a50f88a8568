extension IPAddress {
    /// Parses a dotted quad without leading zeros, or the forms of RFC 4291 section 2.2; no zone,
    /// no brackets, no prefix. Returns nil for anything else.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard (2...45).contains(bytes.count) else { return nil }
        let parsed =
            bytes.contains(Self.colon) ? Self.parseIPv6(bytes[...]) : Self.parseIPv4(bytes[...])
        guard let parsed else { return nil }
        self = parsed
    }

    private static let colon = UInt8(ascii: ":")
    private static let dot = UInt8(ascii: ".")

    private static func parseIPv4(_ bytes: ArraySlice<UInt8>) -> IPAddress? {
        let parts = bytes.split(separator: dot, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard let octet = parseOctet(part) else { return nil }
            bits = bits << 8 | UInt32(octet)
        }
        return IPAddress(ipv4: bits)
    }

    private static func parseOctet(_ digits: ArraySlice<UInt8>) -> UInt8? {
        guard let first = digits.first, digits.count <= 3 else { return nil }
        if first == UInt8(ascii: "0") && digits.count > 1 { return nil }
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return UInt8(exactly: value)
    }

    private static func parseIPv6(_ bytes: ArraySlice<UInt8>) -> IPAddress? {
        var groups: [UInt16] = []
        var gap: Int?
        var rest = bytes
        if rest.starts(with: [colon, colon]) {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let part = rest.prefix { $0 != colon }
            if part.contains(dot) {
                guard part.count == rest.count, let tail = parseIPv4(part) else { return nil }
                groups += [UInt16(tail.low >> 16), UInt16(tail.low & 0xFFFF)]
                break
            }
            guard let group = parseGroup(part), groups.count < 8 else { return nil }
            groups.append(group)
            rest = rest.dropFirst(part.count)
            if rest.isEmpty { break }
            rest = rest.dropFirst()
            if rest.isEmpty { return nil }
            if rest.first == colon {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst()
            }
        }
        return assemble(groups, gap: gap)
    }

    private static func parseGroup(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(digits.count) else { return nil }
        var value: UInt16 = 0
        for digit in digits {
            guard let nibble = hexadecimalValue(digit) else { return nil }
            value = value << 4 | UInt16(nibble)
        }
        return value
    }

    private static func hexadecimalValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Eight groups, or fewer around a `::` that stands for at least one group of zeros.
    private static func assemble(_ groups: [UInt16], gap: Int?) -> IPAddress? {
        var all = groups
        if let gap {
            guard groups.count <= 7 else { return nil }
            all.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard all.count == 8 else { return nil }
        let high = all[..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        let low = all[4...].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        return IPAddress(ipv6High: high, low: low)
    }
}

extension IPAddress: CustomStringConvertible {
    /// The dotted quad, or the canonical form of RFC 5952 without an embedded dotted quad.
    package var description: String {
        family == .ipv4 ? Self.dottedQuad(UInt32(truncatingIfNeeded: low)) : ipv6Description
    }

    private static func dottedQuad(_ bits: UInt32) -> String {
        let (ascii, count) = dottedQuadASCII(bits)
        return String(decoding: (0..<count).map { ascii[$0] }, as: UTF8.self)
    }

    /// The ASCII bytes of an IPv4 address's `description`, of which the first `count` are meant,
    /// without an allocation; nil for IPv6.
    package var dottedQuadASCII: (bytes: InlineArray<15, UInt8>, count: Int)? {
        family == .ipv4 ? Self.dottedQuadASCII(UInt32(truncatingIfNeeded: low)) : nil
    }

    private static func dottedQuadASCII(_ bits: UInt32) -> (InlineArray<15, UInt8>, Int) {
        var bytes = InlineArray<15, UInt8>(repeating: dot)
        var count = 0
        for shift: UInt32 in [24, 16, 8, 0] {
            if count > 0 { count += 1 }
            let octet = UInt8(truncatingIfNeeded: bits >> shift)
            if octet >= 100 {
                bytes[count] = UInt8(ascii: "0") | octet / 100
                count += 1
            }
            if octet >= 10 {
                bytes[count] = UInt8(ascii: "0") | octet / 10 % 10
                count += 1
            }
            bytes[count] = UInt8(ascii: "0") | octet % 10
            count += 1
        }
        return (bytes, count)
    }

    private var ipv6Description: String {
        let groups = (0..<8).map { index in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> (48 - 16 * UInt64(index % 4)))
        }
        let zeros = Self.longestZeroRun(groups)
        guard zeros.count > 1 else { return Self.joined(groups[...]) }
        return Self.joined(groups[..<zeros.lowerBound]) + "::"
            + Self.joined(groups[zeros.upperBound...])
    }

    private static func joined(_ groups: ArraySlice<UInt16>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }

    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
        var longest = 0..<0
        var start = 0
        for index in 0...groups.count where index == groups.count || groups[index] != 0 {
            if index - start > longest.count { longest = start..<index }
            start = index + 1
        }
        return longest
    }
}
